#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/vgg16/loader.h"
#include "gradcam/vgg16/member.h"
#include "support/compare.h"
#include "support/converted.h"
#include "support/members.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

// That every method gives the same maps is tested with those of other members, in member_test.cpp.
namespace gradcam::testing {
namespace {

/// Runs a member as far as it comes with what it has.
Result<void> step_until_stuck(Member& member) {
  while (member.progress() == Progress::kReady) GRADCAM_CHECK_OK(member.step());
  return {};
}

TEST(Fc1InFile, GivesWhatItGivesInMemory) {
  for (const TinyModel& tiny : kTinyModels) {
    SCOPED_TRACE(tiny.file);
    ASSERT_OK_AND_ASSIGN(
        const TensorFile oracle,
        TensorFile::read(oracle_fixture(std::string(tiny.expected) + ".expected")));
    ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor("input"));
    ASSERT_OK_AND_ASSIGN(const Bytes original, read_tiny(tiny.file));
    std::vector<Bytes> files;
    files.push_back(original);
    for (const Precision precision : {Precision::kFloat16, Precision::kInt8, Precision::kInt4}) {
      ASSERT_OK_AND_ASSIGN(files.emplace_back(), convert(original, precision));
    }
    for (const Bytes& file : files) {
      ASSERT_OK_AND_ASSIGN(Members usual, Members::load(file, 1));
      ASSERT_OK_AND_ASSIGN(Members frugal, Members::load_frugal(file));
      EXPECT_EQ(frugal.members[0].model().info().fingerprint,
                usual.members[0].model().info().fingerprint);
      const std::array<std::size_t, 2> classes = {1, 0};
      ASSERT_OK(usual.forward(input));
      ASSERT_OK_AND_ASSIGN(const auto maps, usual.explain(input, classes));
      for (int photo = 0; photo < 2; ++photo) {
        ASSERT_OK(frugal.forward(input));
        EXPECT_TRUE(close(frugal.members[0].activations().fc1.values(),
                          usual.members[0].activations().fc1.values()));
        EXPECT_TRUE(close(frugal.members[0].activations().logits.values(),
                          usual.members[0].activations().logits.values()));
        ASSERT_OK_AND_ASSIGN(const auto actual, frugal.explain(input, classes));
        for (std::size_t i = 0; i < classes.size(); ++i) {
          EXPECT_TRUE(close(actual[i].values, maps[i].values));
        }
      }
    }
  }
}

class Fc1InFileOf64 : public Tiny64 {};

TEST_F(Fc1InFileOf64, SaysWhichRowsItNeeds) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load_frugal(bytes_));
  Member& member = all.members[0];
  EXPECT_NE(error_message(member.read(bytes_), ErrorCode::kInvalidArgument), "");
  ASSERT_OK(member.begin_forward(&input_));
  ASSERT_OK(step_until_stuck(member));
  ASSERT_EQ(member.progress(), Progress::kReading);

  ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header,
                       parse_safetensors_header(bytes_, bytes_.size()));
  const auto fc1 = std::ranges::find(header.tensors, "fc1.weight", &TensorInfo::name);
  ASSERT_NE(fc1, header.tensors.end());
  const auto [rows, row_bytes] = member.unread();
  EXPECT_EQ(rows.begin, header.data_offset + fc1->begin);
  EXPECT_EQ(rows.end, header.data_offset + fc1->end);
  EXPECT_EQ(row_bytes, (fc1->end - fc1->begin) / fc1->shape[0]);

  // Neither parts of rows nor more than there are.
  const std::span<const std::uint8_t> weight =
      std::span(bytes_).first(rows.end).subspan(rows.begin);
  EXPECT_NE(error_message(member.read(weight.first(row_bytes + 1)), ErrorCode::kInvalidArgument),
            "");
  EXPECT_NE(error_message(member.read({}), ErrorCode::kInvalidArgument), "");
  const std::vector<std::uint8_t> more(weight.size() + row_bytes);
  EXPECT_NE(error_message(member.read(more), ErrorCode::kInvalidArgument), "");
  ASSERT_EQ(member.progress(), Progress::kReading);

  ASSERT_OK(member.read(weight.first(2 * row_bytes)));
  EXPECT_EQ(member.progress(), Progress::kReady);
  ASSERT_OK(member.step());
  EXPECT_EQ(member.progress(), Progress::kReading);
  EXPECT_EQ(member.unread().rows.begin, rows.begin + 2 * row_bytes);
  EXPECT_EQ(member.unread().rows.end, rows.end);
}

TEST_F(Fc1InFileOf64, BeginsAnewInTheMiddleOfIt) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load_frugal(bytes_));
  ASSERT_OK(all.forward(input_));
  Member& member = all.members[0];
  ASSERT_OK_AND_ASSIGN(const Tensor logits, member.activations().logits.clone());
  ASSERT_OK(member.begin_forward(&input_));
  ASSERT_OK(step_until_stuck(member));
  const auto [rows, row_bytes] = member.unread();
  ASSERT_OK(member.read(std::span(bytes_).subspan(rows.begin, 3 * row_bytes)));
  ASSERT_OK(member.step());
  ASSERT_OK(all.forward(input_));
  EXPECT_TRUE(close(member.activations().logits.values(), logits.values()));
}

TEST_F(Fc1InFileOf64, IsForAMemberThatIsTheOnlyOne) {
  EXPECT_NE(error_message(load_vgg16(bytes_, {.leave_fc1 = true, .share = {0, 2}}),
                          ErrorCode::kInvalidArgument),
            "");
}

TEST_F(Fc1InFileOf64, TakesItsScalesFirst) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, convert(bytes_, Precision::kInt8));
  ASSERT_OK_AND_ASSIGN(SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader,
                       Vgg16Loader::begin(std::move(header), {.leave_fc1 = true}));
  const auto& tensors = loader.header().tensors;
  EXPECT_EQ(tensors[loader.order().front()].name, "fc1.weight_scale");
  std::vector<std::size_t> order = loader.order();
  std::ranges::sort(order);
  std::vector<std::size_t> all(tensors.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  EXPECT_EQ(order, all);

  const auto weight = std::ranges::find(tensors, "fc1.weight", &TensorInfo::name);
  const auto index = static_cast<std::size_t>(weight - tensors.begin());
  const auto [begin, end] = loader.wanted(index);
  const std::string message =
      error_message(loader.provide(index, std::span(file).first(end).subspan(begin)),
                    ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("scales"), std::string::npos) << message;
}

/// The file may have become another one since it was loaded.
TEST_F(Fc1InFileOf64, RefusesRowsThatAreNotFinite) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load_frugal(bytes_));
  Member& member = all.members[0];
  ASSERT_OK(member.begin_forward(&input_));
  ASSERT_OK(step_until_stuck(member));
  const std::vector<std::uint8_t> row(member.unread().row_bytes, 0xff);
  EXPECT_NE(error_message(member.read(row), ErrorCode::kCorruptModel), "");
  EXPECT_EQ(member.progress(), Progress::kReading);
}

}  // namespace
}  // namespace gradcam::testing
