#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "explain/context.h"
#include "explain/heatmap.h"

namespace gradcam {

/// How maps are made by forward passes that do not depend on each other. It goes on looking at what
/// its context refers to.
struct PassPlan {
  std::size_t passes = 0;
  /// Runs one of them in scratch memory, and leaves its logits there.
  std::function<Result<void>(std::size_t pass, Activations& scratch)> run = nullptr;
  /// The maps, from the logits of all passes: [passes, classes of the model].
  std::function<Result<std::vector<Heatmap>>(const Tensor& logits)> maps;
};

/// Carries a plan out, one pass at a time, so that whoever asked can tell how far it is, or stop.
class PassRun {
 public:
  static Result<PassRun> begin(const Vgg16& model, PassPlan plan);

  std::size_t passes() const { return plan_.passes; }
  std::size_t left() const { return plan_.passes - done_; }

  /// Runs the next pass, of which there must be one left.
  Result<void> step();

  /// When none is left.
  Result<std::vector<Heatmap>> maps() const { return plan_.maps(logits_); }

 private:
  PassPlan plan_;
  Activations scratch_;  // empty where there are no passes
  Tensor logits_;
  std::size_t done_ = 0;
};

}  // namespace gradcam
