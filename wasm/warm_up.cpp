#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gradcam/kernels/conv3x3.h"
#include "gradcam/kernels/gemv.h"
#include "gradcam/tensor/int4.h"
#include "gradcam_wasm.h"

using namespace gradcam;

namespace {

// Small enough for some tens of milliseconds in the browser's first, slow code, and large enough
// that each loop has run for the millions of instructions after which it is compiled again. Maps of
// these sides are cut into Winograd's tiles of all sizes.
constexpr std::size_t kSides[] = {28, 14};
constexpr std::size_t kChannels = 32;
constexpr int kConvolutions = 12;
constexpr std::size_t kInputs = 4096;
constexpr std::size_t kOutputs = 64;
constexpr int kProducts = 4;
constexpr std::size_t kClasses = 15;

Result<void> run_convolutions(std::size_t side, bool pool) {
  const Conv3x3Spec spec = {.in_channels = kChannels,
                            .out_channels = kChannels,
                            .relu = true,
                            .pool = pool,
                            .usual_side = side};
  const std::vector<float> weights(kChannels * 9 * kChannels);
  const std::array<float, kChannels> bias{};
  GRADCAM_TRY(const auto kernel,
              make_conv3x3(default_conv_algorithm(kChannels), spec, weights.data(), bias.data()));
  GRADCAM_TRY(const Tensor input, Tensor::zeros({side, side, kChannels}));
  GRADCAM_TRY(Tensor output, Tensor::zeros({side, side, kChannels}));
  GRADCAM_TRY(Tensor workspace, Tensor::zeros({kernel->workspace_floats(side, side)}));
  for (int i = 0; i < kConvolutions; ++i) {
    GRADCAM_CHECK_OK(kernel->run(input.data(), side, side, output.data(), workspace.data()));
  }
  return {};
}

/// The product of a dense layer and its transposed one for one class and for many, in each format.
void run_products() {
  const std::vector<float> weights(kOutputs * kInputs);  // zero in every format
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(weights.data());
  const auto* int8 = reinterpret_cast<const std::int8_t*>(bytes);
  const auto* halves = reinterpret_cast<const Float16*>(bytes);
  const std::vector<float> scale(kOutputs * kInputs / kInt4Block);
  const std::vector<float> y(kClasses * kOutputs, 1.0f);
  std::vector<float> x(kClasses * kInputs);
  std::array<float, kOutputs> product;
  for (int i = 0; i < kProducts; ++i) {
    gemv(weights.data(), x.data(), kOutputs, kInputs, product.data());
    gemv(halves, x.data(), kOutputs, kInputs, product.data());
    gemv(int8, scale.data(), x.data(), kOutputs, kInputs, product.data());
    gemv(bytes, scale.data(), kInt4Block, x.data(), kOutputs, kInputs, product.data());
    for (const std::size_t rows : {std::size_t{1}, kClasses}) {
      gemv_transposed(weights.data(), y.data(), rows, kOutputs, kInputs, x.data());
    }
  }
}

}  // namespace

void gradcam_warm_up(void) {
  for (const std::size_t side : kSides) {
    for (const bool pool : {false, true}) {
      // Without memory for this, loading a model will say so.
      if (!run_convolutions(side, pool)) return;
    }
  }
  run_products();
}
