#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gradcam/tensor/error.h"

/// Where one is in code of TorchScript. Private to this room.
namespace gradcam::internal {

/// What errors tell of, and how much may be looked at: code may call itself, or say the same again
/// and again.
class ScriptPlace {
 public:
  /// The module whose code is followed; "" for the model itself.
  std::string module;

  /// Counts words, lines and names of members. An error if they are too many, or too deep.
  Result<void> look_at(std::size_t count);
  static std::unexpected<Error> too_much();

  /// Counts how deep it is in calls, brackets and branches.
  class Nesting {
   public:
    explicit Nesting(ScriptPlace& place) : depth_(place.depth_) { ++depth_; }
    ~Nesting() { --depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    int& depth_;
  };

  /// The refusal of a forward pass for what it does.
  std::unexpected<Error> unlike(const std::string& what) const;
  std::unexpected<Error> not_understood(const std::string& what) const;
  std::unexpected<Error> trains(std::string_view call) const;
  static std::unexpected<Error> damaged();

 private:
  std::size_t looked_at_ = 0;
  int depth_ = 0;
};

}  // namespace gradcam::internal
