#include "explain/passes.h"

#include <algorithm>
#include <utility>

namespace gradcam {

Result<PassRun> PassRun::begin(const Vgg16& model, PassPlan plan) {
  PassRun run;
  run.plan_ = std::move(plan);
  if (run.plan_.passes == 0) return run;
  GRADCAM_TRY(run.scratch_, model.make_activations());
  GRADCAM_TRY(run.logits_, Tensor::zeros({run.plan_.passes, model.classes()}));
  return run;
}

Result<void> PassRun::step() {
  GRADCAM_CHECK_OK(plan_.run(done_, scratch_));
  std::ranges::copy(scratch_.logits.values(), logits_.data() + done_ * logits_.dim(1));
  ++done_;
  return {};
}

}  // namespace gradcam
