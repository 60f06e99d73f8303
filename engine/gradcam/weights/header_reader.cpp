#include "gradcam/weights/header_reader.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "gradcam/tensor/text.h"

namespace gradcam::internal {
namespace {

constexpr std::string_view kMetadataKey = "__metadata__";

// Receives the events of nlohmann's parser. Returning false stops the parser, so nothing deeper
// than the format allows is ever read, whatever the nesting.
class HeaderReader {
 public:
  using number_integer_t = nlohmann::ordered_json::number_integer_t;
  using number_unsigned_t = nlohmann::ordered_json::number_unsigned_t;
  using number_float_t = nlohmann::ordered_json::number_float_t;

  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("a boolean"); }
  bool number_integer(number_integer_t) { return unexpected("a negative number"); }
  bool number_float(number_float_t, const std::string&) {
    return unexpected("a number that is no 64-bit integer");
  }
  bool binary(nlohmann::ordered_json::binary_t&) { return unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t number) {
    if (state_ == State::kShape) {
      if (number > std::numeric_limits<std::size_t>::max()) {
        return refuse(entry() + " has a dimension of " + std::to_string(number) +
                      ", more than this machine can address");
      }
      if (tensor_.shape.size() == kMaxSafetensorsRank) {
        return refuse(entry() + " has more than " + std::to_string(kMaxSafetensorsRank) +
                      " dimensions");
      }
      tensor_.shape.push_back(static_cast<std::size_t>(number));
      return true;
    }
    if (state_ == State::kOffsets) {
      if (offsets_ == 2) return refuse(entry() + " has more than two data_offsets");
      (offsets_ == 0 ? tensor_.begin : tensor_.end) = number;
      ++offsets_;
      return true;
    }
    return unexpected("a number");
  }

  bool string(std::string& value) {
    if (state_ == State::kMetadata) {
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (state_ == State::kTensor && field_ == kDType) {
      const std::optional<DType> dtype = dtype_from_name(value);
      if (!dtype) return refuse(entry() + " has the unknown dtype " + quote(value));
      tensor_.dtype = *dtype;
      return true;
    }
    return unexpected("a string");
  }

  bool start_object(std::size_t) {
    if (state_ == State::kStart) {
      state_ = State::kRoot;
      return true;
    }
    if (state_ != State::kRoot) return unexpected("an object");
    if (key_ == kMetadataKey) {
      state_ = State::kMetadata;
      return true;
    }
    tensor_ = TensorInfo{};
    tensor_.name = key_;
    seen_fields_ = 0;
    state_ = State::kTensor;
    return true;
  }

  bool key(std::string& value) {
    if (state_ == State::kTensor) return tensor_field(value);
    const bool in_metadata = state_ == State::kMetadata;
    auto& keys = in_metadata ? metadata_keys_ : names_;
    if (names_.size() + metadata_keys_.size() == kMaxSafetensorsEntries) {
      return refuse("the header has more than " + std::to_string(kMaxSafetensorsEntries) +
                    " entries");
    }
    key_ = value;
    if (!keys.insert(std::move(value)).second) {
      return refuse((in_metadata ? "the metadata key " : "the name ") + quote(key_) +
                    " occurs twice in the header");
    }
    return true;
  }

  bool end_object() {
    if (state_ == State::kTensor) {
      if (seen_fields_ != (kDType | kShape | kOffsets)) {
        return refuse(entry() + " lacks one of dtype, shape and data_offsets");
      }
      header_.tensors.push_back(std::move(tensor_));
    }
    state_ = State::kRoot;
    return true;
  }

  bool start_array(std::size_t) {
    if (state_ != State::kTensor || field_ == kDType) return unexpected("an array");
    state_ = field_ == kShape ? State::kShape : State::kOffsets;
    offsets_ = 0;
    return true;
  }

  bool end_array() {
    if (state_ == State::kOffsets && offsets_ != 2) {
      return refuse(entry() + " has fewer than two data_offsets");
    }
    state_ = State::kTensor;
    return true;
  }

  // The library's own message quotes the input at any length, hence ours.
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::ordered_json::exception&) {
    return refuse("the header is not valid JSON (near its byte " + std::to_string(position) + ")");
  }

  Result<SafetensorsHeader> result(bool complete) && {
    if (!complete) return fail(ErrorCode::kCorruptModel, std::move(fault_));
    return std::move(header_);
  }

 private:
  enum class State { kStart, kRoot, kMetadata, kTensor, kShape, kOffsets };
  enum Field : unsigned { kDType = 1, kShape = 2, kOffsets = 4 };

  bool refuse(std::string fault) {
    fault_ = std::move(fault);
    return false;
  }

  std::string entry() const { return "the tensor " + quote(tensor_.name); }

  bool tensor_field(std::string_view name) {
    if (name == "dtype") {
      field_ = kDType;
    } else if (name == "shape") {
      field_ = kShape;
    } else if (name == "data_offsets") {
      field_ = kOffsets;
    } else {
      return refuse(entry() + " has the unknown field " + quote(name));
    }
    if (seen_fields_ & field_) return refuse(entry() + " has " + std::string(name) + " twice");
    seen_fields_ |= field_;
    return true;
  }

  bool unexpected(std::string_view found) {
    const std::string end = ", not " + std::string(found);
    switch (state_) {
      case State::kStart:
        return refuse("the header must be a JSON object" + end);
      case State::kRoot:
        return refuse("the header entry " + quote(key_) + " must be an object" + end);
      case State::kMetadata:
        return refuse("the metadata value of " + quote(key_) + " must be a string" + end);
      case State::kTensor:
        return refuse(entry() + " must have " +
                      (field_ == kDType   ? "a string as its dtype"
                       : field_ == kShape ? "an array as its shape"
                                          : "an array as its data_offsets") +
                      end);
      case State::kShape:
        return refuse(entry() + " must have whole numbers as its shape" + end);
      case State::kOffsets:
        return refuse(entry() + " must have whole numbers as its data_offsets" + end);
    }
    return false;
  }

  SafetensorsHeader header_;
  std::string fault_;
  State state_ = State::kStart;
  std::string key_;
  // Ordered sets: their cost does not depend on what an attacker makes of a hash.
  std::set<std::string> names_;
  std::set<std::string> metadata_keys_;
  TensorInfo tensor_;
  Field field_ = kDType;
  unsigned seen_fields_ = 0;
  int offsets_ = 0;
};

}  // namespace

Result<SafetensorsHeader> read_header_json(std::span<const std::uint8_t> json) {
  if (json.empty() || json.front() != '{') {
    return fail(ErrorCode::kCorruptModel,
                "this is not a safetensors file: its header does not begin with '{'");
  }
  // The parser takes a zero byte for the end of its input and would not look behind it.
  if (std::ranges::find(json, 0) != json.end()) {
    return fail(ErrorCode::kCorruptModel, "the header is not valid JSON: it contains a zero byte");
  }
  HeaderReader reader;
  const bool complete = nlohmann::ordered_json::sax_parse(json.begin(), json.end(), &reader);
  return std::move(reader).result(complete);
}

}  // namespace gradcam::internal
