// VGG16 of its published size, end to end against PyTorch in float64. The weights are generated
// while they are loaded.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "gradcam/explain/channels.h"
#include "gradcam/explain/grad_cam.h"
#include "gradcam/vgg16/loader.h"
#include "support/backward.h"
#include "support/compare.h"
#include "support/generated_vgg16.h"
#include "support/result.h"
#include "support/slow.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

/// Feeds the loader piece by piece, as a reader of a large file would.
Result<Vgg16> load_generated() {
  GRADCAM_TRY(SafetensorsHeader header, generated_vgg16_header());
  GRADCAM_TRY(Vgg16Loader loader, Vgg16Loader::begin(std::move(header)));
  std::vector<float> values;
  for (std::size_t tensor = 0; tensor < loader.header().tensors.size(); ++tensor) {
    const std::size_t rows = loader.header().tensors[tensor].shape[0];
    const std::size_t row = loader.row_bytes(tensor) / sizeof(float);
    const std::size_t rows_at_once = std::max<std::size_t>(1, (1 << 18) / row);
    for (std::size_t first = 0; first < rows; first += rows_at_once) {
      values.resize(std::min(rows_at_once, rows - first) * row);
      generate_vgg16_rows(loader.header(), tensor, first, values);
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
      GRADCAM_CHECK_OK(loader.provide(tensor, {bytes, values.size() * sizeof(float)}));
    }
  }
  return loader.finish();
}

TEST(FullVgg16, AgreesWithPyTorch) {
#if GRADCAM_SANITIZED
  GTEST_SKIP() << "under the sanitizers 138 million weights take minutes";
#endif
  constexpr std::size_t kSample = 97;  // SAMPLE of full_vgg16.py
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                       TensorFile::read(oracle_fixture("full_vgg16.expected")));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_generated());
  EXPECT_EQ(model.info().parameters, 134'321'999u);
  EXPECT_EQ(model.info().multiply_adds(), 15'466'229'760u);
  EXPECT_EQ(model.info().metadata.labels[9], "pug");
  ASSERT_OK_AND_ASSIGN(const Tensor input, generated_vgg16_input());
  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  ASSERT_OK(model.forward(input, activations));

  ASSERT_OK_AND_ASSIGN(const Tensor logits, oracle.tensor("logits"));
  EXPECT_TRUE(close(activations.logits.values(), logits.values()));
  const Tensor& conv3 = activations.block5_conv3();
  ASSERT_OK_AND_ASSIGN(const Tensor sample, oracle.tensor("block5_conv3_sample"));
  std::vector<float> values;
  for (std::size_t i = 0; i < conv3.size(); i += kSample) values.push_back(conv3.data()[i]);
  EXPECT_TRUE(close(values, sample.values()));
  ASSERT_OK_AND_ASSIGN(const Tensor statistics, oracle.tensor("block5_conv3_statistics"));
  const double mean = std::accumulate(conv3.values().begin(), conv3.values().end(), 0.0) /
                      static_cast<double>(conv3.size());
  EXPECT_NEAR(mean, statistics.data()[0], kOracleTolerance * statistics.data()[0]);
  EXPECT_NEAR(rms(conv3.values()), statistics.data()[1], kOracleTolerance * statistics.data()[1]);
  EXPECT_NEAR(std::ranges::max(conv3.values()), statistics.data()[2],
              kOracleTolerance * statistics.data()[2]);

  std::vector<std::size_t> classes(model.classes());
  std::iota(classes.begin(), classes.end(), std::size_t{0});
  ASSERT_OK_AND_ASSIGN(const Tensor alphas, oracle.tensor("alpha"));
  ASSERT_OK_AND_ASSIGN(const Tensor to_fc1, backward_to_fc1(model, activations, classes));
  ASSERT_OK_AND_ASSIGN(Tensor sums, model.backward_to_block5_pool_sums(to_fc1));
  for (float& sum : sums.values()) sum /= static_cast<float>(conv3.dim(0) * conv3.dim(1));
  EXPECT_TRUE(close(sums.values(), alphas.values()));

  // The textbook's way, for the first class.
  ASSERT_OK_AND_ASSIGN(const Tensor first,
                       backward_to_fc1(model, activations, {classes.data(), 1}));
  ASSERT_OK_AND_ASSIGN(Tensor to_pool, model.backward_to_block5_pool(first));
  ASSERT_OK(to_pool.reshape(activations.block5_pool.shape()));
  ASSERT_OK_AND_ASSIGN(const Tensor to_conv3,
                       model.backward_to_layer(activations, to_pool, kBlock5Conv3));
  EXPECT_TRUE(close(channel_means(to_conv3), alphas.values().first(alphas.dim(1))));

  ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor("map"));
  ASSERT_OK_AND_ASSIGN(const Tensor maxima, oracle.tensor("map_maximum"));
  ASSERT_OK_AND_ASSIGN(const auto maps, grad_cam(model, activations, classes));
  const std::size_t cells = expected.dim(1) * expected.dim(2);
  for (const std::size_t c : classes) {
    SCOPED_TRACE(model.info().metadata.labels[c]);
    EXPECT_TRUE(close(maps[c].values, expected.values().subspan(c * cells, cells)));
    EXPECT_TRUE(close({&maps[c].maximum, 1}, maxima.values().subspan(c, 1)));
  }
}

}  // namespace
}  // namespace gradcam::testing
