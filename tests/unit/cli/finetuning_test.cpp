#include "cli/finetuning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cli/checkpoint.h"
#include "cli/files.h"
#include "cli/team.h"
#include "gradcam/image/png.h"
#include "support/compare.h"
#include "support/random.h"
#include "support/result.h"
#include "support/temp.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kClasses = 3;
constexpr std::size_t kPhotos = 8;  // of each class

class FinetuningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = temp_path();
    fs::remove_all(root_);
    for (std::size_t c = 0; c < kClasses; ++c) {
      fs::create_directories(root_ / "photos" / label(c));
      for (std::size_t i = 0; i < kPhotos; ++i) {
        ASSERT_OK(write_photo(c, i));
      }
    }
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
  }

  void TearDown() override {
    const std::string out = ::testing::internal::GetCapturedStdout();
    const std::string err = ::testing::internal::GetCapturedStderr();
    if (HasFailure()) std::printf("%s%s", out.c_str(), err.c_str());
    fs::remove_all(root_);
  }

  static std::string label(std::size_t c) { return std::string("class_") + "abc"[c]; }

  fs::path photo(std::size_t c, std::size_t i) const {
    return root_ / "photos" / label(c) / ("photo" + std::to_string(i) + ".png");
  }

  /// Noise with a colour for each class.
  Result<void> write_photo(std::size_t c, std::size_t i) const {
    GRADCAM_TRY(Image image, make_image(70, 66));
    RandomFloats random(1000 * c + i);
    for (std::size_t at = 0; at < image.rgb.size(); ++at) {
      image.rgb[at] = static_cast<std::uint8_t>(random.bits() % 128 + (at % 3 == c ? 127 : 0));
    }
    GRADCAM_TRY(const auto png, encode_png(image));
    return write_file(photo(c, i), png);
  }

  FinetuneOptions options(const std::string& out) const {
    FinetuneOptions options;
    options.folder = (root_ / "photos").string();
    options.model = oracle_fixture("tiny64.keras");
    options.out = (root_ / out).string();
    options.cache = (root_ / "cache").string();
    options.epochs = 4;
    options.batch = 5;
    options.threads = 2;
    options.learning_rate = 0.01;
    return options;
  }

  static Result<FinetuneReport> run(const FinetuneOptions& options) {
    return finetune(options, [] { return false; });
  }

  /// Interrupts when it is asked for the `calls`th time, and from then on.
  static Result<FinetuneReport> run_interrupted(const FinetuneOptions& options, std::size_t calls) {
    return finetune(options, [calls]() mutable {
      if (calls > 0) --calls;
      return calls == 0;
    });
  }

  std::vector<std::uint8_t> bytes(const std::string& file) const {
    const auto result = read_file(root_ / file);
    EXPECT_TRUE(result.has_value()) << file;
    return result ? *result : std::vector<std::uint8_t>();
  }

  fs::path root_;
};

TEST_F(FinetuningTest, WritesAModelThatKeepsTheBase) {
  ASSERT_OK_AND_ASSIGN(const FinetuneReport report, run(options("new.safetensors")));
  EXPECT_FALSE(report.interrupted);
  EXPECT_EQ(report.epochs.size(), 4u);
  EXPECT_EQ(report.skipped, 0u);
  ASSERT_OK_AND_ASSIGN(const TensorFile base, TensorFile::read(oracle_fixture("tiny64.keras")));
  ASSERT_OK_AND_ASSIGN(const TensorFile tuned,
                       TensorFile::read((root_ / "new.safetensors").string()));
  ASSERT_EQ(tuned.entries.size(), base.entries.size());
  for (const TensorFile::Entry& entry : base.entries) {
    if (entry.info.name.starts_with("predictions")) continue;
    ASSERT_NE(tuned.find(entry.info.name), nullptr);
    EXPECT_EQ(tuned.find(entry.info.name)->bytes, entry.bytes) << entry.info.name;
  }
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_model(root_ / "new.safetensors"));
  ASSERT_OK_AND_ASSIGN(const Vgg16 base_model, load_model(oracle_fixture("tiny64.keras")));
  EXPECT_EQ(model.info().metadata.labels,
            (std::vector<std::string>{"class_a", "class_b", "class_c"}));
  EXPECT_EQ(model.info().metadata.temperature, report.temperature);
  EXPECT_EQ(to_json(model.info().preprocess), to_json(base_model.info().preprocess));
  EXPECT_EQ(model.info().fingerprint, base_model.info().fingerprint);
  EXPECT_TRUE(fs::exists(root_ / "new.safetensors.svg"));
  EXPECT_FALSE(fs::exists(root_ / "new.safetensors.checkpoint"));
}

TEST_F(FinetuningTest, WhenTheBaseWasUnsureSaysNothingOfNewClasses) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  file.metadata["unsure_below"] = "0.77";
  ASSERT_OK_AND_ASSIGN(const auto changed, file.serialize());
  ASSERT_OK(write_file(root_ / "base", changed));
  ASSERT_OK_AND_ASSIGN(const Vgg16 base, load_model(root_ / "base"));
  ASSERT_EQ(base.info().metadata.unsure_below, 0.77f);
  FinetuneOptions whole = options("whole");
  whole.model = (root_ / "base").string();
  ASSERT_OK(run(whole));
  ASSERT_OK_AND_ASSIGN(const Vgg16 tuned, load_model(root_ / "whole"));
  EXPECT_EQ(tuned.info().metadata.unsure_below, 0);
  FinetuneOptions small = options("head");
  small.model = whole.model;
  small.head_only = true;
  ASSERT_OK(run(small));
  LoadOptions load;
  ASSERT_OK_AND_ASSIGN(load.head, load_head(root_ / "head"));
  EXPECT_EQ(load.head->metadata.unsure_below, 0);
  ASSERT_OK_AND_ASSIGN(const Vgg16 with_head, load_model(root_ / "base", load));
  EXPECT_EQ(with_head.info().metadata.unsure_below, 0);
}

TEST_F(FinetuningTest, TheResultDoesNotDependOnThreadsOrTheCache) {
  ASSERT_OK(run(options("first")));
  FinetuneOptions other = options("second");
  other.threads = 1;
  other.cache = (root_ / "cache2").string();
  ASSERT_OK(run(other));
  EXPECT_EQ(bytes("first"), bytes("second"));
  FinetuneOptions seeded = options("third");
  seeded.seed = 2;
  ASSERT_OK(run(seeded));
  EXPECT_NE(bytes("first"), bytes("third"));
}

TEST_F(FinetuningTest, TheCacheTellsModelsApartWhereverTheyDiffer) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  // Its last row.
  for (auto& entry : file.entries) {
    if (entry.info.name.starts_with("fc2"))
      std::fill_n(entry.bytes.end() - 64, 64, std::uint8_t{0});
  }
  ASSERT_OK_AND_ASSIGN(const auto changed, file.serialize());
  ASSERT_OK(write_file(root_ / "changed.safetensors", changed));
  ASSERT_OK(run(options("first")));
  FinetuneOptions other = options("second");
  other.model = (root_ / "changed.safetensors").string();
  ASSERT_OK(run(other));
  FinetuneOptions alone = other;
  alone.out = (root_ / "third").string();
  alone.cache = (root_ / "cache2").string();
  ASSERT_OK(run(alone));
  EXPECT_EQ(bytes("second"), bytes("third"));
}

TEST_F(FinetuningTest, InterruptedAndResumedEqualsUninterrupted) {
  for (const char* train : {"head", "classifier"}) {
    SCOPED_TRACE(train);
    FinetuneOptions whole = options(std::string("whole_") + train);
    whole.train = train;
    ASSERT_OK(run(whole));
    FinetuneOptions parts = options(std::string("parts_") + train);
    parts.train = train;
    // The first interruption hits the features, the others the training.
    ASSERT_OK_AND_ASSIGN(FinetuneReport report, run_interrupted(parts, 5));
    EXPECT_TRUE(report.interrupted);
    EXPECT_FALSE(fs::exists(parts.out.string() + ".checkpoint"));
    const std::size_t asked_by_features = kClasses * kPhotos + 1;
    ASSERT_OK_AND_ASSIGN(report, run_interrupted(parts, asked_by_features + 7));
    EXPECT_TRUE(report.interrupted);
    ASSERT_TRUE(fs::exists(parts.out.string() + ".checkpoint"));
    EXPECT_FALSE(fs::exists(parts.out));
    parts.resume = true;
    ASSERT_OK_AND_ASSIGN(report, run_interrupted(parts, asked_by_features + 5));
    EXPECT_TRUE(report.interrupted);
    EXPECT_GE(report.epochs.size(), 2u);
    ASSERT_OK_AND_ASSIGN(report, run(parts));
    EXPECT_FALSE(report.interrupted);
    EXPECT_EQ(bytes(std::string("whole_") + train), bytes(std::string("parts_") + train));
    EXPECT_FALSE(fs::exists(parts.out.string() + ".checkpoint"));
  }
}

TEST_F(FinetuningTest, WhatWasLearntIsKeptIfTheModelCannotBeWritten) {
  ASSERT_OK(run(options("whole")));
  for (const bool head_only : {false, true}) {
    FinetuneOptions blocked = options("blocked");
    blocked.head_only = head_only;
    // While it trains the place is taken by a folder.
    const auto block = [&] {
      fs::create_directory(blocked.out);
      return false;
    };
    EXPECT_NE(error_message(finetune(blocked, block), ErrorCode::kUnreadableFile).find("--resume"),
              std::string::npos);
    fs::remove(blocked.out);
    blocked.resume = true;
    ASSERT_OK(run(blocked));
    if (!head_only) {
      EXPECT_EQ(bytes("blocked"), bytes("whole"));
    }
    EXPECT_FALSE(fs::exists(blocked.out.string() + ".checkpoint"));
    fs::remove(blocked.out);
  }
}

TEST_F(FinetuningTest, AModelWithoutItsPictureIsAModel) {
  const auto take_its_place = [this] {
    fs::create_directory(root_ / "new.safetensors.svg");
    return false;
  };
  ASSERT_OK_AND_ASSIGN(const FinetuneReport report,
                       finetune(options("new.safetensors"), take_its_place));
  EXPECT_FALSE(report.has_curves);
  ASSERT_OK(load_model(root_ / "new.safetensors"));
  EXPECT_FALSE(fs::exists(root_ / "new.safetensors.checkpoint"));
}

TEST_F(FinetuningTest, AnotherPictureIsNotReplaced) {
  const fs::path picture = root_ / "new.safetensors.svg";
  std::ofstream(picture) << "<svg><title>My dog</title></svg>";
  EXPECT_NE(error_message(run(options("new.safetensors")), ErrorCode::kInvalidArgument)
                .find("new.safetensors.svg is there"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(root_ / "new.safetensors"));
  fs::remove(picture);
  for (int time = 0; time < 2; ++time) {  // that of an earlier training is
    ASSERT_OK_AND_ASSIGN(const FinetuneReport report, run(options("new.safetensors")));
    EXPECT_TRUE(report.has_curves);
  }
}

TEST_F(FinetuningTest, ACheckpointGoesOnlyWithItsModelOptionsAndPhotos) {
  const std::size_t asked_by_features = kClasses * kPhotos + 1;
  FinetuneOptions resume = options("new");
  ASSERT_OK(run_interrupted(resume, asked_by_features + 2));
  ASSERT_TRUE(fs::exists(resume.out.string() + ".checkpoint"));
  resume.resume = true;

  FinetuneOptions other = resume;
  other.model = oracle_fixture("tiny96.keras");
  EXPECT_NE(error_message(run(other), ErrorCode::kInvalidArgument).find("another base model"),
            std::string::npos);
  other = resume;
  other.model = (root_ / "flipped").string();
  ASSERT_OK_AND_ASSIGN(std::vector<std::uint8_t> flipped, read_file(resume.model));
  constexpr std::string_view kRgb = "RGB";
  const auto channels = std::ranges::search(flipped, kRgb).begin();
  ASSERT_NE(channels, flipped.end());
  std::ranges::copy(std::string_view("BGR"), channels);
  ASSERT_OK(write_file(other.model, flipped));
  EXPECT_NE(error_message(run(other), ErrorCode::kInvalidArgument).find("another preprocessing"),
            std::string::npos);
  other = resume;
  other.epochs = 5;
  EXPECT_NE(error_message(run(other), ErrorCode::kInvalidArgument).find("another --epochs"),
            std::string::npos);
  ASSERT_OK(write_photo(0, kPhotos));
  EXPECT_NE(error_message(run(resume), ErrorCode::kInvalidArgument).find("another set of photos"),
            std::string::npos);
  fs::remove(photo(0, kPhotos));
  // From the end of a class to the beginning of the next: the photos are the same, in the same
  // order.
  const fs::path moved = root_ / "photos" / label(1) / "a.png";
  fs::rename(photo(0, kPhotos - 1), moved);
  EXPECT_NE(error_message(run(resume), ErrorCode::kInvalidArgument).find("another set of photos"),
            std::string::npos);
  fs::rename(moved, photo(0, kPhotos - 1));

  const std::vector<std::uint8_t> whole = bytes("new.checkpoint");
  ASSERT_OK(
      write_file(resume.out.string() + ".checkpoint", std::span(whole).first(whole.size() / 2)));
  EXPECT_NE(error_message(run(resume), ErrorCode::kCorruptModel), "");
  fs::copy_file(resume.model, resume.out.string() + ".checkpoint",
                fs::copy_options::overwrite_existing);
  EXPECT_NE(error_message(run(resume), ErrorCode::kCorruptModel).find("no checkpoint"),
            std::string::npos);
  fs::remove(resume.out.string() + ".checkpoint");
  EXPECT_NE(error_message(run(resume), ErrorCode::kUnreadableFile).find("no such file"),
            std::string::npos);
}

/// Told apart by what each keeps beside the weights: SGD a velocity, Adam two moments.
TEST_F(FinetuningTest, TrainsByTheOptimizerThatIsAskedFor) {
  for (const std::string name : {"sgd", "adam"}) {
    SCOPED_TRACE(name);
    FinetuneOptions by = options(name);
    by.optimizer = name;
    ASSERT_OK(run_interrupted(by, kClasses * kPhotos + 3));
    ASSERT_OK_AND_ASSIGN(const TensorFile state, TensorFile::read(by.out.string() + ".checkpoint"));
    EXPECT_NE(state.find("predictions.weight.state0"), nullptr);
    EXPECT_EQ(state.find("predictions.weight.state1") != nullptr, name == "adam");
  }
}

TEST_F(FinetuningTest, UnreadablePhotosAreNamedSkippedAndCounted) {
  ASSERT_OK(write_file(photo(1, 0), std::vector<std::uint8_t>(100, 7)));
  const auto good = read_file(photo(1, 1));
  ASSERT_OK(write_file(photo(1, 2), std::span(*good).first(good->size() / 2)));
  ASSERT_OK_AND_ASSIGN(const FinetuneReport report, run(options("new")));
  EXPECT_EQ(report.skipped, 2u);
  const std::string errors = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(errors.find(photo(1, 0).string()), std::string::npos) << errors;
  EXPECT_NE(errors.find(photo(1, 2).string()), std::string::npos) << errors;
  EXPECT_EQ(errors.find(photo(1, 1).string()), std::string::npos) << errors;
  ::testing::internal::CaptureStderr();
}

TEST_F(FinetuningTest, RefusesClassesThatCannotBeLearnt) {
  const auto refused = [&](const char* expected) {
    const std::string message = error_message(run(options("new")), ErrorCode::kInvalidArgument);
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(root_ / "new"));
  };
  // Every photo of a class is damaged.
  for (std::size_t i = 0; i < kPhotos; ++i) {
    ASSERT_OK(write_file(photo(2, i), std::vector<std::uint8_t>(50 + i, 1)));
  }
  refused("no photo can be read of: class_c");
  ASSERT_OK(write_photo(2, 0));
  refused("there is one of: class_c");
  for (std::size_t i = 1; i < kPhotos; ++i) fs::remove(photo(2, i));
  refused("there is one of: class_c");
  fs::copy_file(photo(0, 3), photo(2, 1));
  const std::string message = error_message(run(options("new")), ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("1 photo is in two classes"), std::string::npos);
  fs::remove(photo(2, 1));
  fs::remove(photo(2, 0));
  EXPECT_NE(error_message(run(options("new")), ErrorCode::kUnreadableFile).find("class_c"),
            std::string::npos);
  fs::remove_all(root_ / "photos" / label(2));
  fs::remove_all(root_ / "photos" / label(1));
  refused("two or more classes");
}

TEST_F(FinetuningTest, DuplicatesInAClassCountOnce) {
  fs::copy_file(photo(0, 3), photo(0, kPhotos));
  ASSERT_OK(run(options("with")));
  fs::remove(photo(0, kPhotos));
  ASSERT_OK(run(options("without")));
  EXPECT_EQ(bytes("with"), bytes("without"));
}

TEST_F(FinetuningTest, DamagedFeaturesAreComputedAgain) {
  ASSERT_OK(run(options("first")));
  std::size_t damaged = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root_ / "cache")) {
    if (!entry.is_regular_file()) continue;
    auto record = *read_file(entry.path());
    if (damaged++ % 2 == 0) {
      record.back() ^= 0x55;
    } else {
      record.resize(record.size() / 2);
    }
    ASSERT_OK(write_file(entry.path(), record));
  }
  EXPECT_EQ(damaged, kClasses * kPhotos * 2);
  ASSERT_OK(run(options("second")));
  EXPECT_EQ(bytes("first"), bytes("second"));
}

TEST_F(FinetuningTest, AHeadOnItsBaseIsTheWholeModel) {
  FinetuneOptions small = options("head");
  small.head_only = true;
  ASSERT_OK(run(small));
  ASSERT_OK(run(options("whole")));
  EXPECT_LT(fs::file_size(root_ / "head"), fs::file_size(root_ / "whole") / 10);
  LoadOptions load;
  ASSERT_OK_AND_ASSIGN(load.head, load_head(root_ / "head"));
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                       TensorFile::read(oracle_fixture("tiny64.expected")));
  ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(Team whole, Team::load(root_ / "whole", 1));
  ASSERT_OK(whole.forward(input));
  for (const std::size_t workers : {1u, 2u, 4u}) {
    SCOPED_TRACE(workers);
    ASSERT_OK_AND_ASSIGN(Team team, Team::load(small.model, workers, load));
    EXPECT_EQ(team.model().info().metadata.labels, whole.model().info().metadata.labels);
    EXPECT_EQ(team.model().info().metadata.temperature, whole.model().info().metadata.temperature);
    EXPECT_EQ(team.model().info().parameters, whole.model().info().parameters);
    ASSERT_OK(team.forward(input));
    EXPECT_TRUE(close(team.activations().logits.values(), whole.activations().logits.values(),
                      workers == 1 ? 0 : 1e-5));
  }
}

TEST_F(FinetuningTest, AHeadGoesOnlyWithItsBase) {
  FinetuneOptions small = options("head");
  small.head_only = true;
  ASSERT_OK(run(small));
  LoadOptions load;
  ASSERT_OK_AND_ASSIGN(load.head, load_head(root_ / "head"));
  EXPECT_NE(
      error_message(load_model(oracle_fixture("tiny32.keras"), load), ErrorCode::kInvalidArgument)
          .find("takes 18 inputs"),
      std::string::npos);
  // The same network in another file.
  ASSERT_OK(load_model(oracle_fixture("tiny64.torchvision"), load));
  EXPECT_NE(error_message(load_head(small.model), ErrorCode::kCorruptModel).find("no head file"),
            std::string::npos);
  EXPECT_NE(error_message(load_model(root_ / "head"), ErrorCode::kCorruptModel), "");
  const auto whole = bytes("head");
  for (std::size_t size = 0; size < whole.size(); size += 13) {
    EXPECT_FALSE(parse_head(std::span(whole).first(size)).has_value()) << size;
  }
  for (const auto& [from, to] : {std::pair("vgg16-head", "vgg17-head"), std::pair("_c", "_b"),
                                 std::pair("[3,18]", "[9,6] "), std::pair("labels", "lapels")}) {
    std::string text(whole.begin(), whole.end());
    text.replace(text.find(from), std::string(from).size(), to);
    EXPECT_FALSE(
        parse_head({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}).has_value())
        << to;
  }
  FinetuneOptions both = small;
  both.train = "classifier";
  EXPECT_NE(error_message(run(both), ErrorCode::kInvalidArgument), "");
}

TEST_F(FinetuningTest, TheBaseIsNotOverwrittenAndBadPathsFailEarly) {
  fs::copy_file(oracle_fixture("tiny64.keras"), root_ / "base");
  FinetuneOptions same = options("base");
  same.model = (root_ / "photos" / ".." / "base").string();
  EXPECT_NE(error_message(run(same), ErrorCode::kInvalidArgument), "");
  FinetuneOptions nowhere = options("no/such/folder/new");
  EXPECT_NE(error_message(run(nowhere), ErrorCode::kUnreadableFile), "");
  EXPECT_FALSE(fs::exists(root_ / "cache"));
}

}  // namespace
}  // namespace gradcam::testing
