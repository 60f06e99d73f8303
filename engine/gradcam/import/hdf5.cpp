#include "gradcam/import/hdf5.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr std::uint64_t kMostRead = 64 << 20;  // bytes, many of them more than once
constexpr std::size_t kMostMembers = 20'000;
constexpr int kMostTreeDepth = 8;
constexpr std::uint64_t kUndefined = ~std::uint64_t{0};

// The types of messages in an object's header.
constexpr std::uint64_t kDataspace = 0x01;
constexpr std::uint64_t kDatatype = 0x03;
constexpr std::uint64_t kLayout = 0x08;
constexpr std::uint64_t kFilters = 0x0b;
constexpr std::uint64_t kAttributes = 0x0c;
constexpr std::uint64_t kContinuation = 0x10;
constexpr std::uint64_t kSymbolTable = 0x11;

std::unexpected<Error> bad_hdf5(const std::string& what) {
  return fail(ErrorCode::kCorruptModel, "its HDF5 is damaged: " + what);
}

std::unexpected<Error> unsupported(const std::string& what) {
  return fail(ErrorCode::kUnsupportedFormat, what);
}

/// The lengths of an array's sides.
Result<Shape> read_dataspace(std::span<const std::uint8_t> content) {
  Cursor cursor(content);
  const std::uint64_t version = cursor.uint(1);
  const std::uint64_t rank = cursor.uint(1);
  if (version != 1 && version != 2) return bad_hdf5("a dataspace of an unknown version");
  cursor.skip(version == 1 ? 6 : 2);
  if (rank > kMostForeignRank) {
    return bad_hdf5("an array of " + std::to_string(rank) + " dimensions");
  }
  Shape shape;
  for (std::uint64_t i = 0; i < rank; ++i) {
    const std::uint64_t side = cursor.uint(8);
    if (side > kMostForeignSide) return bad_hdf5("an array that is too large");
    shape.push_back(static_cast<std::size_t>(side));
  }
  if (cursor.failed()) return bad_hdf5("a dataspace is cut short");
  return shape;
}

std::size_t elements(const Shape& shape) {
  std::size_t count = 1;
  for (const std::size_t side : shape) {
    // More than any attribute has; of arrays, bytes are counted elsewhere.
    constexpr std::size_t kMost = 1 << 30;
    count = side != 0 && count > kMost / side ? kMost : count * side;
  }
  return count;
}

struct Datatype {
  enum class Kind { kFloat, kText, kTextElsewhere, kOther };
  Kind kind = Kind::kOther;
  DType dtype = DType::kF32;  // of kFloat
  std::uint64_t bytes = 0;    // of an element
};

Datatype read_datatype(std::span<const std::uint8_t> content) {
  constexpr std::uint64_t kFloatClass = 1;
  constexpr std::uint64_t kStringClass = 3;
  constexpr std::uint64_t kVariableClass = 9;
  Cursor cursor(content);
  const std::uint64_t kind = cursor.uint(1) & 0x0f;
  const std::uint64_t bits = cursor.uint(3);
  Datatype type;
  type.bytes = cursor.uint(4);
  if (kind == kStringClass) {
    type.kind = Datatype::Kind::kText;
  } else if (kind == kVariableClass && (bits & 0x0f) == 1) {
    type.kind = Datatype::Kind::kTextElsewhere;
  } else if (kind == kFloatClass && (bits & 0x41) == 0) {  // little-endian
    cursor.skip(4);
    // Where the exponent begins and how many bits it has; how many the fraction has.
    const std::uint64_t exponent_at = cursor.uint(1);
    const std::uint64_t exponent = cursor.uint(1);
    cursor.skip(1);
    const std::uint64_t fraction = cursor.uint(1);
    struct Format {
      DType dtype;
      std::uint64_t bytes, exponent, fraction;
    };
    constexpr std::array kFormats = {Format{DType::kF64, 8, 11, 52}, Format{DType::kF32, 4, 8, 23},
                                     Format{DType::kF16, 2, 5, 10}, Format{DType::kBF16, 2, 8, 7}};
    for (const Format& format : kFormats) {
      if (format.bytes == type.bytes && format.exponent == exponent &&
          format.fraction == fraction && exponent_at == fraction) {
        type.kind = Datatype::Kind::kFloat;
        type.dtype = format.dtype;
      }
    }
  }
  return type;
}

/// The parts of an attribute.
struct Attribute {
  std::string name;
  Datatype type;
  Shape shape;
  std::vector<std::uint8_t> values;
};

Result<Attribute> read_attribute(const std::vector<std::uint8_t>& content) {
  Cursor cursor(content);
  const std::uint64_t version = cursor.uint(1);
  if (version < 1 || version > 3) return bad_hdf5("an attribute of an unknown version");
  cursor.skip(1);
  const std::array sizes = {cursor.uint(2), cursor.uint(2), cursor.uint(2)};
  if (version == 3) cursor.skip(1);
  std::array<std::string, 3> parts;  // name, datatype, dataspace
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i] = cursor.text(sizes[i]);
    if (version == 1) cursor.skip((8 - sizes[i] % 8) % 8);
  }
  if (cursor.failed()) return bad_hdf5("an attribute is cut short");
  const auto bytes = [](const std::string& text) {
    return std::vector<std::uint8_t>(text.begin(), text.end());
  };
  Attribute attribute;
  attribute.name = parts[0].substr(0, parts[0].find('\0'));
  attribute.type = read_datatype(bytes(parts[1]));
  GRADCAM_TRY(attribute.shape, read_dataspace(bytes(parts[2])));
  attribute.values.assign(content.begin() + static_cast<std::ptrdiff_t>(cursor.at()),
                          content.end());
  return attribute;
}

}  // namespace

Result<Hdf5> Hdf5::open(Window& window, std::uint64_t begin) {
  Hdf5 file(window, begin);
  constexpr std::uint64_t kSuperblockBytes = 96;
  GRADCAM_TRY(const auto bytes, file.read(0, kSuperblockBytes));
  Cursor cursor(bytes);
  if (cursor.text(kHdf5Signature.size()) != kHdf5Signature) {
    return fail(ErrorCode::kCorruptModel, "the weights in its archive are no HDF5");
  }
  if (cursor.uint(1) != 0) {
    return unsupported(
        "its HDF5 is of a later kind than h5py writes for Keras; expected is a file without "
        "libver=\"latest\"");
  }
  cursor.skip(4);
  if (cursor.uint(1) != 8 || cursor.uint(1) != 8) {
    return unsupported("its HDF5 has addresses of other than 64 bits");
  }
  constexpr std::uint64_t kRootHeader = 64;
  cursor.skip(kRootHeader - cursor.at());
  file.root_ = cursor.uint(8);
  return file;
}

Result<std::vector<std::uint8_t>> Hdf5::read(std::uint64_t address, std::uint64_t count) {
  constexpr std::uint64_t kOfARead = 64;
  read_ += std::min(count, kMostRead) + kOfARead;
  if (read_ > kMostRead) return bad_hdf5("it goes round in circles");
  if (address > window_->file_bytes()) return bad_hdf5("an address is behind its end");
  return window_->read(begin_ + address, count);
}

Result<std::vector<Hdf5::Message>> Hdf5::messages(Object object) {
  constexpr std::uint64_t kPrefixBytes = 16;
  constexpr std::uint64_t kMessageBytes = 8;
  GRADCAM_TRY(const auto prefix_bytes, read(object, kPrefixBytes));
  Cursor prefix(prefix_bytes);
  if (prefix.uint(1) != 1) {
    if (Cursor(prefix_bytes).text(4) == "OHDR") {
      return unsupported(
          "its HDF5 keeps the order of its groups, as h5py does with track_order=True; Keras "
          "writes none of that");
    }
    return bad_hdf5("an object's header is none");
  }
  prefix.skip(1);
  const std::uint64_t count = prefix.uint(2);
  prefix.skip(4);
  std::vector<Message> messages;
  // Where messages are: more may turn up.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> blocks = {
      {object + kPrefixBytes, prefix.uint(4)}};
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    const auto [begin, size] = blocks[block];
    GRADCAM_TRY(const auto bytes, read(begin, size));
    Cursor cursor(bytes);
    while (messages.size() < count && cursor.left() >= kMessageBytes) {
      Message message;
      message.type = cursor.uint(2);
      const std::uint64_t message_bytes = cursor.uint(2);
      cursor.skip(4);
      message.begin = begin + cursor.at();
      const std::string content = cursor.text(message_bytes);
      if (cursor.failed()) return bad_hdf5("an object's header is cut short");
      message.content.assign(content.begin(), content.end());
      if (message.type == kContinuation) {
        Cursor more(message.content);
        const std::uint64_t at = more.uint(8);
        blocks.emplace_back(at, more.uint(8));
      }
      messages.push_back(std::move(message));
    }
  }
  return messages;
}

Result<void> Hdf5::read_symbols(std::uint64_t node, const std::vector<std::uint8_t>& names,
                                std::map<std::string, Object>& members) {
  constexpr std::uint64_t kHeaderBytes = 8;
  constexpr std::uint64_t kEntryBytes = 40;
  GRADCAM_TRY(const auto header_bytes, read(node, kHeaderBytes));
  Cursor header(header_bytes);
  if (header.text(4) != "SNOD") return bad_hdf5("a group's members are not where they should be");
  header.skip(2);
  const std::uint64_t count = header.uint(2);
  GRADCAM_TRY(const auto bytes, read(node + kHeaderBytes, count * kEntryBytes));
  Cursor cursor(bytes);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t offset = std::min<std::uint64_t>(cursor.uint(8), names.size());
    const Object object = cursor.uint(8);
    cursor.skip(kEntryBytes - 16);
    const auto begin = names.begin() + static_cast<std::ptrdiff_t>(offset);
    const auto end = std::find(begin, names.end(), 0);
    constexpr std::ptrdiff_t kMostName = 1000;  // names may overlap: all would take far more
    if (end == names.end()) return bad_hdf5("a name is not where it should be");
    if (end - begin > kMostName) return bad_hdf5("a name is too long");
    members[std::string(begin, end)] = object;
    if (members.size() > kMostMembers) return bad_hdf5("a group has too many members");
  }
  return {};
}

Result<void> Hdf5::read_tree(std::uint64_t node, int depth, const std::vector<std::uint8_t>& names,
                             std::map<std::string, Object>& members) {
  constexpr std::uint64_t kHeaderBytes = 24;
  GRADCAM_TRY(const auto header_bytes, read(node, kHeaderBytes));
  Cursor header(header_bytes);
  if (header.text(4) != "TREE" || header.uint(1) != 0 || depth > kMostTreeDepth) {
    return bad_hdf5("a group's tree is not where it should be");
  }
  const bool is_leaf = header.uint(1) == 0;
  const std::uint64_t count = header.uint(2);
  GRADCAM_TRY(const auto bytes, read(node + kHeaderBytes, count * 16));
  Cursor cursor(bytes);
  for (std::uint64_t i = 0; i < count; ++i) {
    cursor.skip(8);
    const std::uint64_t child = cursor.uint(8);
    GRADCAM_CHECK_OK(is_leaf ? read_symbols(child, names, members)
                             : read_tree(child, depth + 1, names, members));
  }
  return {};
}

Result<std::map<std::string, Hdf5::Object>> Hdf5::members(Object group) {
  GRADCAM_TRY(const auto messages, this->messages(group));
  std::map<std::string, Object> members;
  for (const Message& message : messages) {
    if (message.type != kSymbolTable) continue;
    Cursor cursor(message.content);
    const std::uint64_t tree = cursor.uint(8);
    constexpr std::uint64_t kHeapBytes = 32;
    GRADCAM_TRY(const auto heap_bytes, read(cursor.uint(8), kHeapBytes));
    Cursor heap(heap_bytes);
    if (heap.text(4) != "HEAP") return bad_hdf5("a group's names are not where they should be");
    heap.skip(4);
    const std::uint64_t names_bytes = heap.uint(8);
    heap.skip(8);
    GRADCAM_TRY(const auto names, read(heap.uint(8), names_bytes));
    GRADCAM_CHECK_OK(read_tree(tree, 0, names, members));
  }
  return members;
}

Result<std::optional<Hdf5::Object>> Hdf5::find(Object group, std::string_view path) {
  Object object = group;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name.empty()) continue;
    GRADCAM_TRY(const auto members, this->members(object));
    const auto found = members.find(name);
    if (found == members.end()) return std::nullopt;
    object = found->second;
  }
  return object;
}

Result<std::string> Hdf5::from_global_heap(std::uint64_t collection, std::uint64_t index) {
  constexpr std::uint64_t kHeaderBytes = 16;
  constexpr std::uint64_t kObjectBytes = 16;
  GRADCAM_TRY(const auto header_bytes, read(collection, kHeaderBytes));
  Cursor header(header_bytes);
  if (header.text(4) != "GCOL") return bad_hdf5("a text is not where it should be");
  header.skip(4);
  const std::uint64_t size = header.uint(8);
  GRADCAM_TRY(const auto bytes, read(collection, size));
  Cursor cursor(bytes);
  cursor.skip(kHeaderBytes);
  while (cursor.left() >= kObjectBytes) {
    const std::uint64_t found = cursor.uint(2);
    cursor.skip(6);
    const std::uint64_t object_bytes = cursor.uint(8);
    if (found == index) return cursor.text(object_bytes);
    if (found == 0) break;
    cursor.skip(object_bytes);
    cursor.skip((8 - object_bytes % 8) % 8);
  }
  return bad_hdf5("a text is lacking");
}

Result<std::optional<std::vector<std::string>>> Hdf5::texts(Object object,
                                                            std::string_view attribute) {
  GRADCAM_TRY(const auto messages, this->messages(object));
  for (const Message& message : messages) {
    if (message.type != kAttributes) continue;
    GRADCAM_TRY(const Attribute found, read_attribute(message.content));
    if (found.name != attribute) continue;
    const std::size_t count = elements(found.shape);
    if (found.type.bytes == 0 || count > found.values.size() / found.type.bytes) {
      return bad_hdf5("an attribute is cut short");
    }
    std::vector<std::string> texts;
    Cursor cursor(found.values);
    for (std::size_t i = 0; i < count; ++i) {
      if (found.type.kind == Datatype::Kind::kText) {
        const std::string text = cursor.text(found.type.bytes);
        texts.push_back(text.substr(0, text.find('\0')));
      } else if (found.type.kind == Datatype::Kind::kTextElsewhere) {
        cursor.skip(4);
        const std::uint64_t collection = cursor.uint(8);
        GRADCAM_TRY(std::string text, from_global_heap(collection, cursor.uint(4)));
        texts.push_back(std::move(text));
      } else {
        return std::nullopt;
      }
    }
    return texts;
  }
  return std::nullopt;
}

Result<ForeignArray> Hdf5::array(Object object, const std::string& name) {
  GRADCAM_TRY(const auto messages, this->messages(object));
  const auto find = [&messages](std::uint64_t type) {
    const auto found = std::ranges::find(messages, type, &Message::type);
    return found == messages.end() ? nullptr : &*found;
  };
  const Message* space = find(kDataspace);
  const Message* type = find(kDatatype);
  const Message* layout = find(kLayout);
  const std::string quoted = internal::quote(name);
  if (space == nullptr || type == nullptr || layout == nullptr) {
    return bad_hdf5(quoted + " is no array");
  }
  ForeignArray array{.name = name};
  GRADCAM_TRY(array.shape, read_dataspace(space->content));
  const Datatype datatype = read_datatype(type->content);
  if (datatype.kind != Datatype::Kind::kFloat) {
    return unsupported(quoted + " has other numbers than floats of 16, 32 or 64 bits");
  }
  array.dtype = datatype.dtype;
  constexpr std::uint64_t kCompact = 0;
  constexpr std::uint64_t kContiguous = 1;
  Cursor cursor(layout->content);
  const std::uint64_t version = cursor.uint(1);
  const std::uint64_t kind = cursor.uint(1);
  if (find(kFilters) != nullptr || (version != 3 && version != 4) ||
      (kind != kCompact && kind != kContiguous)) {
    return unsupported(quoted + " is compressed or in pieces; Keras writes neither");
  }
  if (kind == kCompact) {
    cursor.skip(2);
    array.begin = begin_ + layout->begin + cursor.at();
  } else {
    const std::uint64_t address = cursor.uint(8);
    if (address == kUndefined) return bad_hdf5(quoted + " was never written");
    array.begin = begin_ + std::min(address, window_->file_bytes());
  }
  return array;
}

}  // namespace gradcam
