#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/explain/grad_cam.h"
#include "gradcam/explain/together.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/vgg16/member.h"
#include "support/compare.h"
#include "support/members.h"
#include "support/result.h"
#include "support/slow.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

#if !GRADCAM_SANITIZED && !defined(_WIN32)
/// Bytes of the heap that are in use.
std::size_t heap_in_use() {
#if defined(__GLIBC__)
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return static_cast<std::size_t>(mallinfo().uordblks);
#endif
}
#endif

TEST(LowMemory, ChangesNoAnswer) {
  for (const TinyModel& tiny : kTinyModels) {
    SCOPED_TRACE(tiny.file);
    ASSERT_OK_AND_ASSIGN(
        const TensorFile oracle,
        TensorFile::read(oracle_fixture(std::string(tiny.expected) + ".expected")));
    ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny(tiny.file));
    ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes, {.low_memory = true}));
    ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
    ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor("input"));
    ASSERT_OK_AND_ASSIGN(const Tensor logits, oracle.tensor("logits"));
    ASSERT_OK(model.forward(input, activations));
    EXPECT_TRUE(close(activations.logits.values(), logits.values()));
    // The second time, too.
    ASSERT_OK(model.forward(input, activations));
    EXPECT_TRUE(close(activations.logits.values(), logits.values()));
    constexpr std::size_t kColours = 3;
    for (std::size_t i = 0; i < kConvLayers; ++i) {
      const LayerInfo& layer = model.info().layers[i];
      EXPECT_EQ(layer.algorithm == "winograd_lean", layer.weight[3] > kColours) << layer.name;
    }
  }
}

TEST(Memory, WeightsOfFewBitsStayAsTheyAreStored) {
  ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny("tiny_int8.keras"));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  std::size_t stored = 0;
  for (const LayerInfo& layer : model.info().layers) {
    if (layer.weight.size() != 4 || layer.weight[3] <= 3) continue;
    EXPECT_EQ(layer.algorithm == "winograd_lean", layer.dtype == "I8") << layer.name;
    stored += layer.dtype == "I8" ? 1 : 0;
  }
  EXPECT_GT(stored, 0u);
}

/// Which outputs of convolutions a member has, from the first to the last.
std::string maps_of(const Member& member) {
  std::string maps;
  for (const Tensor& map : member.activations().conv) maps += map.empty() ? '-' : 'x';
  return maps;
}

TEST(LowMemory, AMemberKeepsNoMapsThatItHasNoUseFor) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                       TensorFile::read(oracle_fixture("tiny64.expected")));
  ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny("tiny64.keras"));
  ASSERT_OK_AND_ASSIGN(Members frugal, Members::load_frugal(bytes));
  const Member& member = frugal.members[0];
  EXPECT_EQ(maps_of(member), "-------------");
  ASSERT_OK(frugal.forward(input));
  EXPECT_EQ(maps_of(member), "------------x");
  ASSERT_OK(frugal.forward(input, {.layer = 7}));
  EXPECT_EQ(maps_of(member), "-------xxxxxx");
  ASSERT_OK(frugal.forward(input, {.layer = 0}));
  EXPECT_EQ(maps_of(member), "xxxxxxxxxxxxx");
  // What was not foreseen is computed again, and kept for the next map.
  ASSERT_OK(frugal.forward(input));
  const std::array<std::size_t, 1> classes = {0};
  ASSERT_OK(frugal.explain(input, classes, methods().front(), 9));
  EXPECT_EQ(maps_of(member), "---------xxxx");

  ASSERT_OK_AND_ASSIGN(Members usual, Members::load(bytes, 1));
  EXPECT_EQ(maps_of(usual.members[0]), "xxxxxxxxxxxxx");
}

TEST(LowMemory, SharesOfAModelGiveWhatTheWholeGives) {
  ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny("tiny64.keras"));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes, {.low_memory = true, .share = {1, 3}}));
  EXPECT_EQ(model.share(), (Share{1, 3}));
  ASSERT_OK(model.make_activations());
}

#if !GRADCAM_SANITIZED && !defined(_WIN32)

TEST(LowMemory, KeepsNoTransformedWeights) {
  ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny("tiny96.keras"));
  std::size_t transformed = 0;  // bytes of weights that Winograd makes four times as many of
  const auto taken = [&](bool low_memory) -> Result<std::size_t> {
    const std::size_t before = heap_in_use();
    GRADCAM_TRY(const Vgg16 model, load_vgg16(bytes, {.low_memory = low_memory}));
    const std::size_t after = heap_in_use();
    transformed = 0;
    for (const LayerInfo& layer : model.info().layers) {
      if (!layer.algorithm.starts_with("winograd")) continue;
      transformed += 9 * layer.weight[0] * layer.weight[3] * sizeof(float);
    }
    return after - before;
  };
  ASSERT_OK_AND_ASSIGN(const std::size_t low, taken(true));
  ASSERT_OK_AND_ASSIGN(const std::size_t usual, taken(false));
  ASSERT_GT(transformed, 1000u);
  EXPECT_LT(low + 2 * transformed, usual);
}

/// What a program of many photos counts on.
TEST(Memory, DoesNotGrowFromPhotoToPhoto) {
  for (const bool low_memory : {false, true}) {
    SCOPED_TRACE(low_memory);
    ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                         TensorFile::read(oracle_fixture("tiny32.expected")));
    ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor("input"));
    ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny("tiny32.keras"));
    ASSERT_OK_AND_ASSIGN(Vgg16 model, load_vgg16(bytes, {.low_memory = low_memory}));
    ASSERT_OK_AND_ASSIGN(Member member, Member::create(std::move(model)));
    const std::array<std::size_t, 3> classes = {0, 1, 2};
    const auto look = [&]() -> Result<void> {
      GRADCAM_CHECK_OK(member.begin_forward(&input));
      while (member.progress() == Progress::kReady) GRADCAM_CHECK_OK(member.step());
      GRADCAM_CHECK_OK(grad_cam(member.model(), member.activations(), classes));
      GRADCAM_CHECK_OK(begin_together(member, methods().front(), classes, kBlock5Conv3));
      while (member.progress() == Progress::kReady) GRADCAM_CHECK_OK(member.step());
      return {};
    };
    for (int photo = 0; photo < 10; ++photo) {
      ASSERT_OK(look());
    }
    const std::size_t before = heap_in_use();
    for (int photo = 0; photo < 500; ++photo) {
      ASSERT_OK(look());
    }
    EXPECT_LE(heap_in_use(), before + 4096);
  }
}

#endif

}  // namespace
}  // namespace gradcam::testing
