#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/import/foreign.h"
#include "gradcam/import/window.h"

namespace gradcam {

/// As much of HDF5 ("HDF5 File Format Specification Version 3.0") as Keras writes through h5py:
/// groups by symbol tables, arrays in one piece, attributes that are texts.
class Hdf5 {
 public:
  /// The address of an object's header.
  using Object = std::uint64_t;

  /// What begins at `begin` in the file. kCorruptModel if that is no HDF5, or damaged;
  /// kUnsupportedFormat for what h5py writes only when told to (libver="latest").
  static Result<Hdf5> open(Window& window, std::uint64_t begin);

  Object root() const { return root_; }

  /// What is in a group, by name.
  Result<std::map<std::string, Object>> members(Object group);

  /// What is there on a path of names with slashes between; none if nothing is.
  Result<std::optional<Object>> find(Object group, std::string_view path);

  /// The texts in an attribute; none if there is no such attribute, or it has no texts.
  Result<std::optional<std::vector<std::string>>> texts(Object object, std::string_view attribute);

  /// An array of floats; kUnsupportedFormat for numbers of another kind, or those that are
  /// compressed or in pieces. `name` is for messages.
  Result<ForeignArray> array(Object object, const std::string& name);

 private:
  /// A part of an object's header.
  struct Message {
    std::uint64_t type = 0;
    std::uint64_t begin = 0;  ///< where its content is, from the beginning of HDF5
    std::vector<std::uint8_t> content;
  };

  Hdf5(Window& window, std::uint64_t begin) : window_(&window), begin_(begin) {}

  Result<std::vector<std::uint8_t>> read(std::uint64_t address, std::uint64_t count);
  Result<std::vector<Message>> messages(Object object);
  Result<void> read_tree(std::uint64_t node, int depth, const std::vector<std::uint8_t>& names,
                         std::map<std::string, Object>& members);
  Result<void> read_symbols(std::uint64_t node, const std::vector<std::uint8_t>& names,
                            std::map<std::string, Object>& members);
  Result<std::string> from_global_heap(std::uint64_t collection, std::uint64_t index);

  Window* window_;
  std::uint64_t begin_;
  Object root_ = 0;
  std::uint64_t read_ = 0;  // bytes: a file that goes round in circles cannot do so for ever
};

}  // namespace gradcam
