#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// What Python's `pickle` has written (PEP 307 and 3154, "pickletools" of CPython), as a graph of
/// plain values. A pickle is a program that may call anything; here nothing is called: of a call
/// its name and its arguments are noted.
class Pickle {
 public:
  /// A value, by its number.
  using Index = std::uint32_t;

  struct Value {
    enum class Kind {
      kNone,
      kBool,        ///< number
      kInt,         ///< number
      kFloat,       ///< real
      kText,        ///< text; bytes, too
      kList,        ///< items; of tuples and sets, too
      kDict,        ///< items: key, value, key, value, ...
      kGlobal,      ///< text: "torch._utils _rebuild_tensor_v2"
      kObject,      ///< items: what was called, the arguments (kList), perhaps the state
      kPersistent,  ///< items: what its id is
    };
    Kind kind = Kind::kNone;
    std::int64_t number = 0;
    double real = 0;
    std::string text;
    std::vector<Index> items;
  };

  /// So much of a file is read as one: a list of weights, and what checkpoints have beside them.
  static constexpr std::size_t kMostBytes = 4 << 20;

  /// Reads one pickle from the beginning of `bytes`. kCorruptModel if they are none, or one of a
  /// kind that PyTorch does not write; kUnsupportedFormat if it takes more than kMostBytes or has
  /// more values than is sensible.
  static Result<Pickle> read(std::span<const std::uint8_t> bytes);

  const Value& value(Index index) const { return values_[index]; }
  const std::vector<Value>& values() const { return values_; }
  Index root() const { return root_; }
  /// The bytes that it took.
  std::size_t bytes() const { return bytes_; }

  /// The value of a key of a kDict, or of what is built of one: an OrderedDict.
  std::optional<Index> find(Index dict, std::string_view key) const;

  /// Keys, which are texts, and values of a kDict or what is built of one; nothing for all else.
  std::vector<std::pair<std::string_view, Index>> pairs(Index dict) const;

  /// So many items `pairs` looks at: a value may be met again and again.
  std::size_t length(Index dict) const;

 private:
  friend class PickleReader;

  std::vector<Value> values_;
  Index root_ = 0;
  std::size_t bytes_ = 0;
};

/// The pickles of a file that have been read, by where they begin: readers that a Window makes
/// start again and again need not read them again, which may take longer than all else.
using KnownPickles = std::map<std::uint64_t, Pickle>;

}  // namespace gradcam
