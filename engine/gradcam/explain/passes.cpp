#include "gradcam/explain/passes.h"

#include <algorithm>
#include <utility>

namespace gradcam {

Result<PassRun> PassRun::begin(Passes passes, std::size_t logits) {
  PassRun run;
  run.passes_ = std::move(passes);
  GRADCAM_TRY(run.logits_, Tensor::zeros({run.passes_.count, logits}));
  return run;
}

void PassRun::take(const Tensor& logits) {
  std::ranges::copy(logits.values(), logits_.data() + done_ * logits_.dim(1));
  ++done_;
}

Result<void> PassRun::run(const std::function<Result<const Tensor*>(const Tensor& start)>& pass,
                          const PassProgress& progress) {
  while (left() > 0) {
    if (progress && !progress(done_, passes_.count)) {
      return fail(ErrorCode::kCancelled, "stopped before all forward passes were done");
    }
    GRADCAM_TRY(const Tensor input, start());
    GRADCAM_TRY(const Tensor* logits, pass(input));
    take(*logits);
  }
  return {};
}

}  // namespace gradcam
