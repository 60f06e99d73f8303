#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/vgg16/vgg16.h"

/// What is found out by many forward passes that do not depend on each other. Who runs them, one
/// model or several members that divide one, need not know what for.
namespace gradcam {

/// Goes on looking at what it was made of.
struct Passes {
  std::size_t count = 0;
  /// The map layer that the passes go on from, by another output of it before pooling; none if they
  /// begin with another input. Members go on from a convolution other than the last.
  std::optional<std::size_t> from = std::nullopt;
  /// That input or output.
  std::function<Result<Tensor>(std::size_t pass)> start = nullptr;
};

/// Passes, and what is made of the logits of all of them, [passes, Vgg16::logits()].
template <class Outcome>
struct PassPlan {
  Passes passes = {};
  std::function<Result<Outcome>(const Tensor& logits)> outcome;
};

using MapPlan = PassPlan<std::vector<Heatmap>>;

/// Is told, before each pass, how many are done and how many there are. What returns false stops
/// them, with the error kCancelled.
using PassProgress = std::function<bool(std::size_t done, std::size_t total)>;

/// Passes one at a time, so that whoever asked can tell how far they are, or stop.
class PassRun {
 public:
  /// logits: how many each pass gives, as Vgg16::logits() says.
  static Result<PassRun> begin(Passes passes, std::size_t logits);

  std::size_t left() const { return passes_.count - done_; }

  /// As in Passes.
  std::optional<std::size_t> from() const { return passes_.from; }

  /// What the next pass starts from; there must be one left.
  Result<Tensor> start() const { return passes_.start(done_); }

  /// The outcome of that pass. kInvalidArgument for another number of logits, or one pass too many.
  Result<void> take(const Tensor& logits);

  /// Calls `pass(start)`, which returns the logits, until none is left.
  Result<void> run(const std::function<Result<const Tensor*>(const Tensor& start)>& pass,
                   const PassProgress& progress = nullptr);

  /// Of those that are done.
  const Tensor& logits() const { return logits_; }

 private:
  Passes passes_;
  Tensor logits_;
  std::size_t done_ = 0;
};

/// Runs all passes of a plan on a model. `scratch` is overwritten.
template <class Outcome>
Result<Outcome> carry_out(const PassPlan<Outcome>& plan, const Vgg16& model, Activations& scratch,
                          const PassProgress& progress = nullptr) {
  GRADCAM_TRY(PassRun run, PassRun::begin(plan.passes, model.logits()));
  const auto pass = [&](const Tensor& start) -> Result<const Tensor*> {
    GRADCAM_CHECK_OK(run.from() ? model.forward_from(*run.from(), start, scratch)
                                : model.forward(start, scratch));
    return &scratch.logits;
  };
  GRADCAM_CHECK_OK(run.run(pass, progress));
  return plan.outcome(run.logits());
}

}  // namespace gradcam
