#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/import/foreign.h"
#include "gradcam/import/pickle.h"

/// What the code in an archive of TorchScript says of the forward pass, and of the settings of its
/// modules, which the pickle has not. Private to this room.
namespace gradcam::internal {

/// Something that the forward pass does to what it has made of the photo so far.
struct ScriptStep {
  enum class Kind {
    kConvolution,
    kDense,
    kNorm,
    kRelu,
    kMaxPool,
    kMean,            ///< of all positions
    kSevenPositions,  ///< rows and columns, which those of a VGG16 are already
    kSoftmax,
    kSigmoid,
  };
  Kind kind = Kind::kRelu;
  std::string call = {};  ///< the function that does it
  /// Weight and bias; of a normalisation mean and variance, too. Empty for what is not there.
  std::array<std::string, 4> tensors = {};
  double epsilon = 0;  ///< of a normalisation
  bool pads = false;   ///< whether a convolution has as many outputs as inputs
};

/// Whether a name of a pickle's is that of a class of TorchScript.
bool is_of_script(std::string_view class_name);

/// Reads a text of the archive: "code/__torch__/torch/nn/modules/conv.py".
using ReadScript = std::function<Result<std::string>(const std::string& path)>;

/// The steps of the forward pass of the model that a pickle holds, in their order.
/// kUnsupportedFormat where they do not follow one another from the photo to the logits, or
/// where one is none of a VGG16's.
Result<std::vector<ScriptStep>> read_script(const Pickle& pickle, const ReadScript& read);

/// Whether the steps are those of the network that was put together; what only they tell of it is
/// put into it.
Result<void> follow_script(const std::vector<ScriptStep>& steps, ForeignVgg16& network);

}  // namespace gradcam::internal
