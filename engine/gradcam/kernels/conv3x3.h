#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "gradcam/tensor/tensor.h"

/// The convolution of VGG16, 3x3 with stride 1 and zero padding 1, in several implementations of
/// one interface. It runs on a whole map or on a strip of its rows; a strip brings the row above
/// and the row below with it, where the map has them, in the place of the padding. Which one runs
/// is decided here, can be listed and can be forced.
namespace gradcam {

struct Conv3x3Spec {
  std::size_t in_channels = 0;
  std::size_t out_channels = 0;
  bool relu = false;  ///< max(0, y) after the bias
  bool pool = false;  ///< then 2x2 max-pool with stride 2; an odd last row or column is dropped
  std::size_t pad_top = 1;     ///< rows of zeros above the input, 0 or 1
  std::size_t pad_bottom = 1;  ///< and below it; the columns are always padded
  /// Rows and columns of the maps that it is to be fastest on; 0 if that is not known.
  std::size_t usual_side = 0;

  /// Rows that come out of an input of `height` rows (of at least 2 with the padding), before
  /// pooling.
  std::size_t output_rows(std::size_t height) const { return height + pad_top + pad_bottom - 2; }
};

/// Writes numbers of row `output` of a matrix W [outputs, inputs], however it is stored, in
/// float32: `values.size()` of them from input `first` on.
using ExpandRow =
    std::function<void(std::size_t output, std::size_t first, std::span<float> values)>;

/// One convolution with its weights packed for one implementation. Not changed by running.
class Conv3x3 {
 public:
  explicit Conv3x3(const Conv3x3Spec& spec) : spec_(spec) {}
  virtual ~Conv3x3() = default;

  const Conv3x3Spec& spec() const { return spec_; }

  /// Floats of scratch memory that `run` needs for inputs of this size.
  virtual std::size_t workspace_floats(std::size_t height, std::size_t width) const = 0;

  /// input: [height, width, in_channels], kTailBytes readable past its end; output:
  /// [output_rows(height), width, out_channels], or half of that in both directions with pooling;
  /// workspace: 64-byte aligned, exclusively this call's. The three do not overlap.
  Result<void> run(const float* input, std::size_t height, std::size_t width, float* output,
                   float* workspace) const {
    return convolve(input, height, width, output, workspace, spec_.pool);
  }

  /// The same without the pooling.
  Result<void> run_unpooled(const float* input, std::size_t height, std::size_t width,
                            float* output, float* workspace) const {
    return convolve(input, height, width, output, workspace, false);
  }

  /// The weights again, [out_channels, 3, 3, in_channels], to float32's rounding: a backward pass
  /// needs them, and most programs never run one.
  virtual void unpack(float* weight) const = 0;

 protected:
  /// `run`, pooling if `pool`; never asked to where the spec does not say so.
  virtual Result<void> convolve(const float* input, std::size_t height, std::size_t width,
                                float* output, float* workspace, bool pool) const = 0;

  Conv3x3Spec spec_;
};

enum class ConvAlgorithm {
  kReference,     ///< plain loops, accumulated in double: what the others are tested against
  kDirect,        ///< a matrix product with every neighbourhood; in wasm best for few channels
  kXnnpack,       ///< the XNNPACK library, where it is built in; natively best for few channels
  kWinogradLean,  ///< Winograd that transforms its weights on every run: see make_lean_conv3x3
  kWinograd,      ///< Winograd over 4-wide vectors; best everywhere else
  kWinogradAvx2,  ///< the same over 8-wide vectors, where the processor has them
};

/// "reference", "direct", "xnnpack", "winograd_lean", "winograd", "winograd_avx2".
std::string_view conv_algorithm_name(ConvAlgorithm algorithm);

/// The algorithm of that name if this build has it and this processor can run it.
Result<ConvAlgorithm> find_conv_algorithm(std::string_view name);

/// What this build has and this processor can run, the simplest first.
std::span<const ConvAlgorithm> conv_algorithms();

/// The fastest here for this many input channels.
ConvAlgorithm default_conv_algorithm(std::size_t in_channels);

/// Packs weight [out_channels, 3, 3, in_channels] and bias [out_channels].
Result<std::unique_ptr<Conv3x3>> make_conv3x3(ConvAlgorithm algorithm, const Conv3x3Spec& spec,
                                              const float* weight, const float* bias);

/// A convolution by Winograd that keeps no weights of its own but takes them from `weights`, in
/// rows [3, 3, in_channels], whenever it runs: for where memory counts more than time.
Result<std::unique_ptr<Conv3x3>> make_lean_conv3x3(const Conv3x3Spec& spec,
                                                   const ExpandRow& weights, const float* bias);

}  // namespace gradcam
