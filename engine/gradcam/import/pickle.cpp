#include "gradcam/import/pickle.h"

#include <bit>
#include <map>
#include <string>

#include "gradcam/import/window.h"

namespace gradcam {
namespace {

// As pickletools names them.
struct Opcode {
  enum : std::uint8_t {
    kMark = '(',
    kStop = '.',
    kPop = '0',
    kPopMark = '1',
    kDup = '2',
    kBinFloat = 'G',
    kBinInt = 'J',
    kBinInt1 = 'K',
    kBinInt2 = 'M',
    kNone = 'N',
    kBinPersId = 'Q',
    kReduce = 'R',
    kBinString = 'T',
    kShortBinString = 'U',
    kBinUnicode = 'X',
    kBinBytes = 'B',
    kShortBinBytes = 'C',
    kAppend = 'a',
    kBuild = 'b',
    kGlobal = 'c',
    kDict = 'd',
    kAppends = 'e',
    kBinGet = 'h',
    kLongBinGet = 'j',
    kList = 'l',
    kBinPut = 'q',
    kLongBinPut = 'r',
    kSetItem = 's',
    kTuple = 't',
    kSetItems = 'u',
    kEmptyDict = '}',
    kEmptyList = ']',
    kEmptyTuple = ')',
    kProto = 0x80,
    kNewObj = 0x81,
    kTuple1 = 0x85,
    kTuple2 = 0x86,
    kTuple3 = 0x87,
    kNewTrue = 0x88,
    kNewFalse = 0x89,
    kLong1 = 0x8a,
    kShortBinUnicode = 0x8c,
    kBinUnicode8 = 0x8d,
    kBinBytes8 = 0x8e,
    kEmptySet = 0x8f,
    kAddItems = 0x90,
    kFrozenSet = 0x91,
    kNewObjEx = 0x92,
    kStackGlobal = 0x93,
    kMemoize = 0x94,
    kFrame = 0x95,
    kByteArray8 = 0x96,
  };
};

constexpr std::size_t kMostValues = 1 << 20;  // of some 100 bytes each

std::unexpected<Error> bad_pickle(const char* what) {
  return fail(ErrorCode::kCorruptModel, std::string("its pickle ") + what);
}

}  // namespace

/// The machine that a pickle is a program for.
class PickleReader {
 public:
  /// @param is_whole whether there are no bytes behind these
  PickleReader(std::span<const std::uint8_t> bytes, bool is_whole)
      : cursor_(bytes), is_whole_(is_whole) {}

  Result<Pickle> run() {
    while (true) {
      const auto opcode = static_cast<std::uint8_t>(cursor_.uint(1));
      if (!cursor_.failed() && opcode == Opcode::kStop) break;
      if (!cursor_.failed()) GRADCAM_CHECK_OK(step(opcode));
      const bool says_too_much = pickle_.values_.size() > kMostValues ||
                                 memo_.size() > kMostValues || global_bytes_ > Pickle::kMostBytes;
      if (says_too_much || (cursor_.failed() && !is_whole_)) {
        return fail(ErrorCode::kUnsupportedFormat,
                    "it has more than " + std::to_string(Pickle::kMostBytes >> 20) +
                        " MiB, or a million values, beside its weights; save these alone: "
                        "torch.save(model.state_dict(), path)");
      }
      if (cursor_.failed()) return bad_pickle("is cut short");
      if (lacks_) return bad_pickle("is damaged: it takes what it has not made");
    }
    pickle_.root_ = pop();
    if (lacks_) return bad_pickle("is damaged: it makes nothing");
    pickle_.bytes_ = cursor_.at();
    return std::move(pickle_);
  }

 private:
  using Index = Pickle::Index;
  using Value = Pickle::Value;
  using Kind = Pickle::Value::Kind;

  Index add(Value value) {
    pickle_.values_.push_back(std::move(value));
    return static_cast<Index>(pickle_.values_.size() - 1);
  }
  void push(Value value) { stack_.push_back(add(std::move(value))); }
  void push_number(Kind kind, std::int64_t number) {
    push({.kind = kind, .number = number, .text = {}, .items = {}});
  }
  void push_text(std::uint64_t bytes) {
    push({.kind = Kind::kText, .number = 0, .text = cursor_.text(bytes), .items = {}});
  }
  void push_items(Kind kind, std::vector<Index> items) {
    push({.kind = kind, .number = 0, .text = {}, .items = std::move(items)});
  }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Index pop() {
    if (stack_.size() <= floor()) {
      lacks_ = true;
      return add({});
    }
    const Index index = stack_.back();
    stack_.pop_back();
    return index;
  }

  /// What was pushed since the last mark.
  std::vector<Index> pop_mark() {
    if (marks_.empty()) {
      lacks_ = true;
      return {};
    }
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Index> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  std::vector<Index> pop(std::size_t count) {
    std::vector<Index> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  /// Into what is on top: a list, a dict, or an object that stands for one.
  void put_into(std::vector<Index> items) {
    const Index top = pop();
    stack_.push_back(top);
    std::vector<Index>* into = &pickle_.values_[top].items;
    if (pickle_.values_[top].kind == Kind::kObject) {
      // Its state, which holds what it was given since it was made.
      if (into->size() < 3) {
        const Index state = add({.kind = Kind::kDict, .number = 0, .text = {}, .items = {}});
        pickle_.values_[top].items.push_back(state);
      }
      into = &pickle_.values_[pickle_.values_[top].items[2]].items;
    }
    into->insert(into->end(), items.begin(), items.end());
  }

  void build() {
    const Index state = pop();
    const Index top = pop();
    stack_.push_back(top);
    // An OrderedDict with attributes, as a state_dict is, keeps what is in it.
    if (pickle_.values_[top].kind == Kind::kObject && pickle_.values_[top].items.size() < 3) {
      pickle_.values_[top].items.push_back(state);
    }
  }

  void push_global(const std::string& module, const std::string& name) {
    constexpr std::size_t kMostName = 1000;
    if (module.size() + name.size() > kMostName) lacks_ = true;
    if (lacks_) return push({});
    global_bytes_ += module.size() + name.size();
    push({.kind = Kind::kGlobal, .number = 0, .text = module + " " + name, .items = {}});
  }

  std::string line() {
    std::string text;
    while (!cursor_.failed()) {
      const std::string next = cursor_.text(1);
      if (next == "\n") break;
      text += next;
    }
    return text;
  }

  void get(std::uint64_t place) {
    const auto found = memo_.find(place);
    lacks_ = lacks_ || found == memo_.end();
    stack_.push_back(found == memo_.end() ? add({}) : found->second);
  }
  void put(std::uint64_t place) {
    const Index top = pop();
    stack_.push_back(top);
    memo_[place] = top;
  }

  Result<void> step(std::uint8_t opcode);

  Cursor cursor_;
  Pickle pickle_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;  // how high the stack was
  std::map<std::uint64_t, Index> memo_;
  std::size_t global_bytes_ = 0;  // of names, which may be said again and again
  bool is_whole_;
  bool lacks_ = false;
};

Result<void> PickleReader::step(std::uint8_t opcode) {
  switch (opcode) {
    case Opcode::kProto:
      cursor_.skip(1);
      break;
    case Opcode::kFrame:
      cursor_.skip(8);
      break;
    case Opcode::kMark:
      marks_.push_back(stack_.size());
      break;
    case Opcode::kPop:
      // Of a mark, too.
      if (stack_.size() == floor() && !marks_.empty()) {
        marks_.pop_back();
      } else {
        pop();
      }
      break;
    case Opcode::kPopMark:
      pop_mark();
      break;
    case Opcode::kDup: {
      const Index top = pop();
      stack_.insert(stack_.end(), 2, top);
      break;
    }
    case Opcode::kNone:
      push({});
      break;
    case Opcode::kNewTrue:
    case Opcode::kNewFalse:
      push_number(Kind::kBool, opcode == Opcode::kNewTrue ? 1 : 0);
      break;
    case Opcode::kBinInt:
      push_number(Kind::kInt, static_cast<std::int32_t>(cursor_.uint(4)));
      break;
    case Opcode::kBinInt1:
    case Opcode::kBinInt2:
      push_number(Kind::kInt,
                  static_cast<std::int64_t>(cursor_.uint(opcode == Opcode::kBinInt1 ? 1 : 2)));
      break;
    case Opcode::kLong1: {
      // Of those with more than eight bytes, like PyTorch's magic number, the lowest are enough.
      const std::uint64_t bytes = cursor_.uint(1);
      const std::uint64_t low = bytes < 8 ? bytes : 8;
      std::uint64_t value = cursor_.uint(static_cast<std::size_t>(low));
      cursor_.skip(bytes - low);
      const std::uint64_t sign = low > 0 ? value >> (8 * low - 1) : 0;
      if (sign != 0 && low < 8) value |= ~std::uint64_t{0} << 8 * low;
      push_number(Kind::kInt, static_cast<std::int64_t>(value));
      break;
    }
    case Opcode::kBinFloat:
      push_number(Kind::kFloat, 0);
      pickle_.values_.back().real = std::bit_cast<double>(std::byteswap(cursor_.uint(8)));
      break;
    case Opcode::kShortBinString:
    case Opcode::kShortBinBytes:
    case Opcode::kShortBinUnicode:
      push_text(cursor_.uint(1));
      break;
    case Opcode::kBinString:
    case Opcode::kBinBytes:
    case Opcode::kBinUnicode:
      push_text(cursor_.uint(4));
      break;
    case Opcode::kBinUnicode8:
    case Opcode::kBinBytes8:
    case Opcode::kByteArray8:
      push_text(cursor_.uint(8));
      break;
    case Opcode::kEmptyTuple:
    case Opcode::kEmptyList:
    case Opcode::kEmptySet:
      push_items(Kind::kList, {});
      break;
    case Opcode::kEmptyDict:
      push_items(Kind::kDict, {});
      break;
    case Opcode::kTuple:
    case Opcode::kList:
    case Opcode::kFrozenSet:
      push_items(Kind::kList, pop_mark());
      break;
    case Opcode::kDict:
      push_items(Kind::kDict, pop_mark());
      break;
    case Opcode::kTuple1:
      push_items(Kind::kList, pop(1));
      break;
    case Opcode::kTuple2:
      push_items(Kind::kList, pop(2));
      break;
    case Opcode::kTuple3:
      push_items(Kind::kList, pop(3));
      break;
    case Opcode::kAppend:
      put_into(pop(1));
      break;
    case Opcode::kSetItem:
      put_into(pop(2));
      break;
    case Opcode::kAppends:
    case Opcode::kAddItems:
    case Opcode::kSetItems:
      put_into(pop_mark());
      break;
    case Opcode::kGlobal: {
      const std::string module = line();
      push_global(module, line());
      break;
    }
    case Opcode::kStackGlobal: {
      const std::vector<Index> names = pop(2);
      push_global(pickle_.values_[names[0]].text, pickle_.values_[names[1]].text);
      break;
    }
    case Opcode::kReduce:
    case Opcode::kNewObj:
      push_items(Kind::kObject, pop(2));
      break;
    case Opcode::kNewObjEx:
      pop();  // arguments by name
      push_items(Kind::kObject, pop(2));
      break;
    case Opcode::kBuild:
      build();
      break;
    case Opcode::kBinPersId:
      push_items(Kind::kPersistent, pop(1));
      break;
    case Opcode::kBinPut:
    case Opcode::kLongBinPut:
      put(cursor_.uint(opcode == Opcode::kBinPut ? 1 : 4));
      break;
    case Opcode::kMemoize:
      put(memo_.size());
      break;
    case Opcode::kBinGet:
    case Opcode::kLongBinGet:
      get(cursor_.uint(opcode == Opcode::kBinGet ? 1 : 4));
      break;
    default:
      return bad_pickle("is of a kind that PyTorch does not write");
  }
  return {};
}

Result<Pickle> Pickle::read(std::span<const std::uint8_t> bytes) {
  const bool is_whole = bytes.size() <= kMostBytes;
  return PickleReader(is_whole ? bytes : bytes.first(kMostBytes), is_whole).run();
}

std::size_t Pickle::length(Index dict) const {
  const Value& value = values_[dict];
  if (value.kind == Value::Kind::kDict) return value.items.size();
  if (value.kind != Value::Kind::kObject) return 0;
  const std::vector<Index>& arguments = values_[value.items[1]].items;
  return (arguments.empty() ? 0 : values_[arguments[0]].items.size()) +
         (value.items.size() > 2 ? values_[value.items[2]].items.size() : 0);
}

std::vector<std::pair<std::string_view, Pickle::Index>> Pickle::pairs(Index dict) const {
  std::vector<std::pair<std::string_view, Index>> pairs;
  const auto add = [&](Index key, Index value) {
    if (values_[key].kind == Value::Kind::kText) pairs.emplace_back(values_[key].text, value);
  };
  const Value* value = &values_[dict];
  if (value->kind == Value::Kind::kObject) {
    // Python 2 gives an OrderedDict a list of pairs, later ones put them in afterwards.
    const std::vector<Index>& arguments = values_[value->items[1]].items;
    if (!arguments.empty() && values_[arguments[0]].kind == Value::Kind::kList) {
      for (const Index pair : values_[arguments[0]].items) {
        const std::vector<Index>& items = values_[pair].items;
        if (items.size() == 2) add(items[0], items[1]);
      }
    }
    if (value->items.size() > 2) value = &values_[value->items[2]];
  }
  if (value->kind != Value::Kind::kDict) return pairs;
  for (std::size_t i = 0; i + 1 < value->items.size(); i += 2) {
    add(value->items[i], value->items[i + 1]);
  }
  return pairs;
}

std::optional<Pickle::Index> Pickle::find(Index dict, std::string_view key) const {
  for (const auto& [name, value] : pairs(dict)) {
    if (name == key) return value;
  }
  return std::nullopt;
}

}  // namespace gradcam
