#include "cli/team.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/files.h"
#include "support/compare.h"
#include "support/result.h"
#include "support/temp.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

class TeamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(oracle_, TensorFile::read(oracle_fixture("tiny64.expected")));
    ASSERT_OK_AND_ASSIGN(input_, oracle_.tensor("input"));
  }

  static Result<std::string> write(const TensorFile& file) {
    GRADCAM_TRY(const auto bytes, file.serialize());
    std::string path = temp_path().string() + ".safetensors";
    GRADCAM_CHECK_OK(write_file(path, bytes));
    return path;
  }

  TensorFile oracle_;
  Tensor input_;
};

TEST_F(TeamTest, AgreesWithPyTorchForEveryNumberOfWorkers) {
  ASSERT_OK_AND_ASSIGN(const Tensor logits, oracle_.tensor("logits"));
  ASSERT_OK_AND_ASSIGN(const Tensor maps, oracle_.tensor("map"));
  const std::array<std::size_t, 3> classes = {14, 0, 7};
  for (const char* file : {"tiny64.keras", "tiny64.torchvision"}) {
    ASSERT_OK_AND_ASSIGN(const Vgg16 alone, load_model(oracle_fixture(file)));
    for (std::size_t workers = 1; workers <= kMaxMembers; ++workers) {
      SCOPED_TRACE(std::string(file) + ", " + std::to_string(workers) + " workers");
      ASSERT_OK_AND_ASSIGN(Team team, Team::load(oracle_fixture(file), workers));
      EXPECT_EQ(team.workers(), workers);
      EXPECT_EQ(team.model().info().fingerprint, alone.info().fingerprint);
      for (int run = 0; run < 3; ++run) {
        ASSERT_OK(team.forward(input_));
        EXPECT_TRUE(close(team.activations().logits.values(), logits.values()));
        EXPECT_EQ(team.predictions().size(), 15u);
        ASSERT_OK_AND_ASSIGN(const auto actual, team.explain(methods().front(), input_, classes));
        ASSERT_EQ(actual.size(), classes.size());
        const std::size_t cells = maps.dim(1) * maps.dim(2);
        for (std::size_t i = 0; i < classes.size(); ++i) {
          EXPECT_TRUE(close(actual[i].values, maps.values().subspan(classes[i] * cells, cells)));
        }
      }
    }
  }
}

TEST_F(TeamTest, GoesOnAfterAFailure) {
  // A model that overflows, but only on inputs far from any photo's.
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  TensorFile::Entry& entry = *file.find("predictions.weight");
  ASSERT_OK_AND_ASSIGN(Tensor weight, file.tensor("predictions.weight"));
  for (float& value : weight.values()) value *= 1e30f;
  std::memcpy(entry.bytes.data(), weight.data(), entry.bytes.size());
  ASSERT_OK_AND_ASSIGN(const std::string path, write(file));
  ASSERT_OK_AND_ASSIGN(Team team, Team::load(path, 3));
  std::filesystem::remove(path);

  ASSERT_OK(team.forward(input_));
  ASSERT_OK_AND_ASSIGN(const Tensor logits, team.activations().logits.clone());
  ASSERT_OK_AND_ASSIGN(const Tensor small, Tensor::zeros({64, 63, 3}));
  EXPECT_NE(error_message(team.forward(small), ErrorCode::kInvalidArgument), "");
  ASSERT_OK_AND_ASSIGN(Tensor loud, input_.clone());
  for (float& value : loud.values()) value *= 1e20f;
  const std::string message = error_message(team.forward(loud), ErrorCode::kCorruptModel);
  EXPECT_NE(message.find("overflow"), std::string::npos) << message;
  ASSERT_OK(team.forward(input_));
  EXPECT_TRUE(std::ranges::equal(team.activations().logits.values(), logits.values()));
}

TEST_F(TeamTest, ReportsWhatAnyWorkerFindsInTheFile) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  TensorFile::Entry& entry = *file.find("fc2.weight");
  std::memset(&entry.bytes.back() - 3, 0xFF, 4);  // NaN, in the last worker's rows
  ASSERT_OK_AND_ASSIGN(const std::string path, write(file));
  for (const std::size_t workers : {1, 2, 5}) {
    const std::string message = error_message(Team::load(path, workers), ErrorCode::kCorruptModel);
    EXPECT_NE(message.find("fc2.weight, row 17"), std::string::npos) << message;
  }
  std::filesystem::remove(path);
}

TEST_F(TeamTest, RefusesWhatItCannotDo) {
  EXPECT_NE(
      error_message(Team::load(oracle_fixture("tiny64.keras"), 9), ErrorCode::kInvalidArgument),
      "");
  EXPECT_NE(error_message(Team::load("no/such/file", 2), ErrorCode::kUnreadableFile), "");
  ASSERT_OK_AND_ASSIGN(Team team, Team::load(oracle_fixture("tiny64.keras"), 2));
  ASSERT_OK(team.forward(input_));
  const std::array<std::size_t, 1> classes = {0};
  for (const ExplainOptions& options :
       {ExplainOptions{.layers = {}}, ExplainOptions{.layers = {kMapLayers}}}) {
    EXPECT_NE(error_message(team.explain(methods().front(), input_, classes, options),
                            ErrorCode::kInvalidArgument),
              "");
  }
}

TEST_F(TeamTest, FusesLayersAndSmoothsAsOneModelDoes) {
  const std::array<std::size_t, 2> classes = {3, 14};
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_model(oracle_fixture("tiny64.keras")));
  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  ASSERT_OK(model.forward(input_, activations));
  for (const std::size_t workers : {1, 3}) {
    ASSERT_OK_AND_ASSIGN(Team team, Team::load(oracle_fixture("tiny64.keras"), workers));
    ASSERT_OK(team.forward(input_));
    for (const char* name : {"layercam", "scorecam", "ablationcam", "gradcam"}) {
      for (const bool augment : {false, true}) {
        SCOPED_TRACE(std::string(name) + (augment ? ", augmented, " : ", ") +
                     std::to_string(workers) + " workers");
        // Each begins where the passes of the one before it have ended.
        ASSERT_OK_AND_ASSIGN(const Method method, find_method(name));
        const ExplainOptions options{.layers = {6, kBlock5Conv3},
                                     .augment = augment,
                                     .principal_component = true,
                                     .channels = 3};
        ASSERT_OK_AND_ASSIGN(const auto expected,
                             explain(model, input_, activations, classes, method, options));
        ASSERT_OK_AND_ASSIGN(const auto actual, team.explain(method, input_, classes, options));
        for (std::size_t i = 0; i < classes.size(); ++i) {
          EXPECT_EQ(actual[i].rows, expected[i].rows);
          EXPECT_TRUE(close(actual[i].values, expected[i].values, 1e-3));
        }
      }
    }
  }
}

TEST_F(TeamTest, SlowMapsReportAndCanBeStopped) {
  const std::array<std::size_t, 1> classes = {3};
  ASSERT_OK_AND_ASSIGN(const Method method, find_method("occlusion"));
  ASSERT_OK_AND_ASSIGN(Team team, Team::load(oracle_fixture("tiny64.keras"), 2));
  ASSERT_OK(team.forward(input_));
  std::size_t calls = 0;
  ExplainOptions options;
  options.progress = [&](std::size_t done, std::size_t total) {
    EXPECT_EQ(done, calls);
    EXPECT_EQ(total, 16u);
    return ++calls < 3;
  };
  EXPECT_NE(error_message(team.explain(method, input_, classes, options), ErrorCode::kCancelled),
            "");
  EXPECT_EQ(calls, 3u);
  options.progress = nullptr;
  ASSERT_OK_AND_ASSIGN(const auto maps, team.explain(method, input_, classes, options));
  EXPECT_EQ(maps.front().rows, 4u);
}

}  // namespace
}  // namespace gradcam::testing
