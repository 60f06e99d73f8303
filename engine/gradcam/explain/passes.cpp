#include "gradcam/explain/passes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace gradcam {

Result<PassRun> PassRun::begin(Passes passes, std::size_t logits) {
  PassRun run;
  run.passes_ = std::move(passes);
  GRADCAM_TRY(run.logits_, Tensor::zeros({run.passes_.count, logits}));
  return run;
}

Result<void> PassRun::take(const Tensor& logits) {
  if (left() == 0 || logits.size() != logits_.dim(1)) {
    return fail(ErrorCode::kInvalidArgument,
                std::to_string(logits.size()) + " logits are not those of one of the passes left");
  }
  std::ranges::copy(logits.values(), logits_.data() + done_ * logits_.dim(1));
  ++done_;
  return {};
}

Result<void> PassRun::run(const std::function<Result<const Tensor*>(const Tensor& start)>& pass,
                          const PassProgress& progress) {
  while (left() > 0) {
    if (progress && !progress(done_, passes_.count)) {
      return fail(ErrorCode::kCancelled, "stopped before all forward passes were done");
    }
    GRADCAM_TRY(const Tensor input, start());
    GRADCAM_TRY(const Tensor* logits, pass(input));
    GRADCAM_CHECK_OK(take(*logits));
  }
  return {};
}

}  // namespace gradcam
