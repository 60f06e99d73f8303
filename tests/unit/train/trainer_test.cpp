#include "gradcam/train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/train/curves.h"
#include "support/random.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

constexpr std::size_t kFeatures = 6;
constexpr std::size_t kClasses = 3;

/// Photos of which each class has its own direction, with noise; view 1 has more of it.
Dataset make_dataset(std::size_t photos) {
  Dataset dataset;
  dataset.views = 2;
  for (std::size_t i = 0; i < photos; ++i) dataset.labels.push_back(i % kClasses);
  dataset.read = [](std::size_t photo, std::size_t view, std::span<float> out) -> Result<void> {
    RandomFloats random(100 + 2 * photo + view);
    for (float& value : out) value = random.uniform() * (view == 0 ? 1.0f : 1.5f);
    out[photo % kClasses] += 1.5f;
    return {};
  };
  return dataset;
}

Result<Trainer> make_trainer(const TrainOptions& options, std::size_t photos = 50) {
  Dataset dataset = make_dataset(photos);
  GRADCAM_CHECK_OK(split_dataset(dataset, 0.2, options.seed));
  std::vector<DenseParameters> layers(1);
  GRADCAM_TRY(layers[0], new_head(8, kFeatures, options.seed + 1));
  layers[0].name = "fc2";
  GRADCAM_TRY(DenseParameters head, new_head(kClasses, 8, options.seed));
  layers.push_back(std::move(head));
  GRADCAM_TRY(Classifier classifier,
              Classifier::create(std::move(layers),
                                 {.optimizer = {.algorithm = Algorithm::kAdam}, .dropout = 0.3f}));
  return Trainer::create(std::move(classifier), std::move(dataset), options);
}

/// Of one layer.
Result<Classifier> make_classifier(std::size_t classes) {
  std::vector<DenseParameters> layers(1);
  GRADCAM_TRY(layers[0], new_head(classes, kFeatures, 1));
  return Classifier::create(std::move(layers), {});
}

std::vector<float> values_of(Trainer& trainer) {
  std::vector<float> all;
  for (const NamedTensor& t : trainer.state()) {
    all.insert(all.end(), t.tensor->values().begin(), t.tensor->values().end());
  }
  return all;
}

const TrainOptions kOptions{.learning_rate = 0.03, .epochs = 6, .batch = 7, .patience = 6};

TEST(Trainer, LearnsAndKeepsTheBestEpoch) {
  ASSERT_OK_AND_ASSIGN(Trainer trainer, make_trainer({.learning_rate = 0.03, .epochs = 40}, 150));
  while (!trainer.finished()) {
    ASSERT_OK(trainer.run_step());
  }
  const auto& epochs = trainer.epochs();
  const std::size_t best = trainer.best_epoch();
  EXPECT_GT(epochs[best].validation_accuracy, 0.7);
  for (const Epoch& e : epochs) EXPECT_GE(e.validation_loss, epochs[best].validation_loss);
  // The classifier that is given is the best epoch's: it has that epoch's accuracy.
  ASSERT_OK(trainer.finish());
  ASSERT_OK_AND_ASSIGN(const Tensor logits, trainer.validation_logits());
  std::size_t right = 0;
  const auto& validation = trainer.dataset().validation;
  for (std::size_t i = 0; i < validation.size(); ++i) {
    const auto row = logits.values().subspan(i * kClasses, kClasses);
    right += static_cast<std::size_t>(std::ranges::max_element(row) - row.begin()) ==
             validation[i] % kClasses;
  }
  EXPECT_DOUBLE_EQ(static_cast<double>(right) / static_cast<double>(validation.size()),
                   epochs[best].validation_accuracy);
}

TEST(Trainer, GivesTheWeightsOfTheBestEpoch) {
  ASSERT_OK_AND_ASSIGN(Trainer trainer,
                       make_trainer({.learning_rate = 0.3, .epochs = 500, .patience = 3}));
  while (!trainer.finished()) {
    ASSERT_OK(trainer.run_step());
  }
  const Epoch& best = trainer.epochs()[trainer.best_epoch()];
  ASSERT_GT(trainer.epochs().back().validation_loss, best.validation_loss);
  ASSERT_OK(trainer.finish());
  ASSERT_OK_AND_ASSIGN(const Tensor logits, trainer.validation_logits());
  const auto& validation = trainer.dataset().validation;
  double loss = 0;
  for (std::size_t i = 0; i < validation.size(); ++i) {
    double sum = 0;
    const float* row = logits.data() + i * kClasses;
    for (std::size_t c = 0; c < kClasses; ++c) sum += std::exp(double{row[c]});
    loss += std::log(sum) - double{row[validation[i] % kClasses]};
  }
  EXPECT_NEAR(loss / static_cast<double>(validation.size()), best.validation_loss, 1e-6);
}

/// A network of one layer, whose inputs are infinite from a training step on.
Result<Trainer> make_diverging_trainer(std::size_t good_steps) {
  Dataset dataset = make_dataset(20);
  GRADCAM_CHECK_OK(split_dataset(dataset, 0.2, 1));
  const std::size_t good_reads = good_steps * dataset.train.size();
  dataset.read = [read = std::move(dataset.read), train = dataset.train, good_reads,
                  count = std::size_t{0}](std::size_t photo, std::size_t view,
                                          std::span<float> out) mutable -> Result<void> {
    const bool is_training = std::ranges::binary_search(train, photo);
    if (is_training && count++ >= good_reads) {
      std::ranges::fill(out, std::numeric_limits<float>::infinity());
      return {};
    }
    return read(photo, view, out);
  };
  GRADCAM_TRY(Classifier classifier, make_classifier(kClasses));
  return Trainer::create(std::move(classifier), std::move(dataset),
                         {.epochs = 9, .batch = 20, .patience = 9});
}

TEST(Trainer, KeepsTheBestEpochBeforeItDiverges) {
  ASSERT_OK_AND_ASSIGN(Trainer trainer, make_diverging_trainer(2));
  while (!trainer.finished()) {
    ASSERT_OK(trainer.run_step());
  }
  EXPECT_TRUE(trainer.diverged());
  ASSERT_EQ(trainer.epochs().size(), 2u);
  // Also after a checkpoint, as where the model cannot be written.
  for (const float value : values_of(trainer)) ASSERT_TRUE(std::isfinite(value));
  ASSERT_OK_AND_ASSIGN(Trainer again, make_diverging_trainer(2));
  ASSERT_OK(again.restore(trainer.progress()));
  EXPECT_TRUE(again.finished());
  EXPECT_TRUE(again.diverged());
  ASSERT_OK(trainer.finish());
  ASSERT_OK_AND_ASSIGN(const Tensor logits, trainer.validation_logits());
  for (const float logit : logits.values()) EXPECT_TRUE(std::isfinite(logit));
}

TEST(Trainer, HasNothingIfItDivergesInTheFirstEpoch) {
  ASSERT_OK_AND_ASSIGN(Trainer trainer, make_diverging_trainer(0));
  EXPECT_NE(error_message(trainer.run_step(), ErrorCode::kInvalidArgument).find("learning rate"),
            std::string::npos);
}

TEST(Trainer, SeesEveryPhotoOnceAnEpochInOneOfItsViews) {
  Dataset dataset = make_dataset(20);
  ASSERT_OK(split_dataset(dataset, 0.2, 1));
  const auto train = dataset.train;
  const auto validation = dataset.validation;
  std::vector<std::array<std::size_t, 2>> seen(20);                // how often, in either view
  using Reads = std::vector<std::pair<std::size_t, std::size_t>>;  // photos and views
  Reads reads;                                                     // of those to train on
  dataset.read = [&](std::size_t photo, std::size_t view, std::span<float> out) -> Result<void> {
    ++seen[photo][view];
    if (std::ranges::binary_search(train, photo)) reads.emplace_back(photo, view);
    std::ranges::fill(out, 1.0f);
    return {};
  };
  ASSERT_OK_AND_ASSIGN(Classifier classifier, make_classifier(kClasses));
  constexpr std::size_t kEpochs = 8;
  // Not a multiple of the batch: the last one of an epoch is smaller.
  ASSERT_NE(train.size() % 5, 0u);
  ASSERT_OK_AND_ASSIGN(Trainer trainer,
                       Trainer::create(std::move(classifier), std::move(dataset),
                                       {.epochs = kEpochs, .batch = 5, .patience = kEpochs}));
  while (!trainer.finished()) {
    ASSERT_OK(trainer.run_step());
  }
  std::size_t mirrored = 0;
  for (const std::size_t photo : train) {
    EXPECT_EQ(seen[photo][0] + seen[photo][1], kEpochs) << photo;
    mirrored += seen[photo][1];
  }
  EXPECT_NEAR(mirrored, train.size() * kEpochs / 2.0, train.size() * kEpochs / 5.0);
  for (const std::size_t photo : validation) {
    EXPECT_EQ(seen[photo], (std::array<std::size_t, 2>{kEpochs, 0})) << photo;
  }
  // Every epoch has an order and views of its own.
  ASSERT_EQ(reads.size(), kEpochs * train.size());
  std::set<std::vector<std::size_t>> orders;
  std::set<Reads> views;
  for (std::size_t epoch = 0; epoch < kEpochs; ++epoch) {
    const auto first = reads.begin() + static_cast<std::ptrdiff_t>(epoch * train.size());
    Reads of_epoch(first, first + static_cast<std::ptrdiff_t>(train.size()));
    std::vector<std::size_t> order;
    for (const auto& [photo, view] : of_epoch) order.push_back(photo);
    orders.insert(std::move(order));
    std::ranges::sort(of_epoch);
    views.insert(std::move(of_epoch));
  }
  EXPECT_EQ(orders.size(), kEpochs);
  EXPECT_EQ(views.size(), kEpochs);
}

TEST(Trainer, StopsWhenTheValidationLossNoLongerFalls) {
  // So fast that it soon only remembers the training photos.
  ASSERT_OK_AND_ASSIGN(Trainer trainer,
                       make_trainer({.learning_rate = 0.3, .epochs = 500, .patience = 3}));
  while (!trainer.finished()) {
    ASSERT_OK(trainer.run_step());
  }
  EXPECT_LT(trainer.epochs().size(), 500u);
  EXPECT_EQ(trainer.epochs().size(), trainer.best_epoch() + 1 + 3);
  EXPECT_NE(error_message(trainer.run_step(), ErrorCode::kInvalidArgument), "");
}

TEST(Trainer, OfEquallyGoodEpochsTheFirstIsTheBest) {
  // So slow that no weight changes, nor the loss.
  ASSERT_OK_AND_ASSIGN(Trainer trainer,
                       make_trainer({.learning_rate = 1e-30, .epochs = 9, .patience = 3}));
  while (!trainer.finished()) {
    ASSERT_OK(trainer.run_step());
  }
  for (const Epoch& e : trainer.epochs()) {
    ASSERT_EQ(e.validation_loss, trainer.epochs()[0].validation_loss);
  }
  EXPECT_EQ(trainer.best_epoch(), 0u);
  EXPECT_EQ(trainer.epochs().size(), 1u + 3);
}

TEST(Trainer, IsReproducibleAndDependsOnTheSeed) {
  std::vector<std::vector<float>> results;
  for (const std::uint64_t seed : {1, 1, 2}) {
    TrainOptions options = kOptions;
    options.seed = seed;
    ASSERT_OK_AND_ASSIGN(Trainer trainer, make_trainer(options));
    while (!trainer.finished()) {
      ASSERT_OK(trainer.run_step());
    }
    results.push_back(values_of(trainer));
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_NE(results[0], results[2]);
}

TEST(Trainer, GoesOnFromItsStateAsIfNothingHadHappened) {
  ASSERT_OK_AND_ASSIGN(Trainer whole, make_trainer(kOptions));
  while (!whole.finished()) {
    ASSERT_OK(whole.run_step());
  }
  const std::vector<float> expected = values_of(whole);
  const std::string expected_progress = whole.progress();
  for (const std::size_t stop : {0u, 1u, 6u, 7u, 11u, 18u}) {
    SCOPED_TRACE(stop);
    ASSERT_OK_AND_ASSIGN(Trainer first, make_trainer(kOptions));
    for (std::size_t i = 0; i < stop; ++i) {
      ASSERT_OK(first.run_step());
    }
    ASSERT_OK_AND_ASSIGN(Trainer second, make_trainer(kOptions));
    const auto from = first.state();
    const auto to = second.state();
    for (std::size_t i = 0; i < from.size(); ++i) {
      ASSERT_EQ(from[i].name, to[i].name);
      std::ranges::copy(from[i].tensor->values(), to[i].tensor->data());
    }
    ASSERT_OK(second.restore(first.progress()));
    while (!second.finished()) {
      ASSERT_OK(second.run_step());
    }
    EXPECT_EQ(values_of(second), expected);
    EXPECT_EQ(second.progress(), expected_progress);
  }
}

TEST(Trainer, RefusesWhatCannotBeTrained) {
  const std::pair<const char*, void (*)(Dataset&, TrainOptions&)> faults[] = {
      {"nothing to train on", [](Dataset& of, TrainOptions&) { of.train.clear(); }},
      {"nothing to validate by", [](Dataset& of, TrainOptions&) { of.validation.clear(); }},
      {"no view", [](Dataset& of, TrainOptions&) { of.views = 0; }},
      {"nothing that reads", [](Dataset& of, TrainOptions&) { of.read = nullptr; }},
      {"a photo to train on that is none", [](Dataset& of, TrainOptions&) { of.train[0] = 50; }},
      {"one to validate by", [](Dataset& of, TrainOptions&) { of.validation[0] = 50; }},
      {"another class", [](Dataset& of, TrainOptions&) { of.labels.back() = kClasses; }},
      {"no batch", [](Dataset&, TrainOptions& by) { by.batch = 0; }},
      {"no epoch", [](Dataset&, TrainOptions& by) { by.epochs = 0; }},
      {"standing still", [](Dataset&, TrainOptions& by) { by.learning_rate = 0; }},
      {"no rate", [](Dataset&, TrainOptions& by) { by.learning_rate = std::nan(""); }},
      {"no end", [](Dataset&, TrainOptions& by) { by.learning_rate = HUGE_VAL; }},
  };
  for (const auto& [what, cause] : faults) {
    SCOPED_TRACE(what);
    Dataset dataset = make_dataset(50);
    dataset.train = {0};
    dataset.validation = {49};
    TrainOptions options = kOptions;
    cause(dataset, options);
    ASSERT_OK_AND_ASSIGN(Classifier classifier, make_classifier(kClasses));
    EXPECT_NE(error_message(Trainer::create(std::move(classifier), std::move(dataset), options),
                            ErrorCode::kInvalidArgument),
              "");
  }
  ASSERT_OK_AND_ASSIGN(Classifier classifier, make_classifier(kClasses));
  EXPECT_NE(error_message(classifier.forward(Tensor()), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(make_classifier(0), ErrorCode::kInvalidArgument), "");
}

TEST(Trainer, RefusesDamagedProgress) {
  ASSERT_OK_AND_ASSIGN(Trainer trainer, make_trainer(kOptions));
  for (const char* text : {"", "[]", "{}", R"({"step":1})"}) {
    SCOPED_TRACE(text);
    EXPECT_NE(error_message(trainer.restore(text), ErrorCode::kCorruptModel), "");
  }
  // One thing is wrong with each.
  const std::string sound =
      R"({"step":1,"loss":0,"right":0,"best_epoch":0,"diverged":false,"epochs":[]})";
  for (const auto& [part, wrong] : std::vector<std::pair<std::string, std::string>>{
           {R"("step":1)", R"("step":-1)"},
           {R"("step":1)", R"("step":1000)"},
           {R"("loss":0)", R"("loss":"x")"},
           {R"("right":0)", R"("right":-1)"},
           {R"("best_epoch":0)", R"("best_epoch":1)"},
           {R"("diverged":false)", R"("diverged":true)"},
           {R"("diverged":false)", R"("diverged":0)"},
           {R"("diverged":false,)", ""},
           {R"("epochs":[])", R"("epochs":[[1,1,1,1]])"},
           {R"("step":1,)", R"("step":6,)"},
       }) {
    std::string text = sound;
    text.replace(text.find(part), part.size(), wrong);
    SCOPED_TRACE(text);
    EXPECT_NE(error_message(trainer.restore(text), ErrorCode::kCorruptModel), "");
  }
  EXPECT_EQ(trainer.step(), 0u);
  ASSERT_OK(trainer.restore(sound));
  EXPECT_EQ(trainer.step(), 1u);
}

/// A parser that compares every key with all before it would take half a minute.
TEST(Trainer, RefusesHostileProgress) {
  ASSERT_OK_AND_ASSIGN(Trainer trainer, make_trainer(kOptions));
  const std::string sound =
      R"({"step":1,"loss":0,"right":0,"best_epoch":0,"diverged":false,"epochs":[])";
  std::string keys;
  for (int i = 0; keys.size() < 1'000'000; ++i) keys += ",\"" + std::to_string(i) + "\":0";
  const std::string nested = std::string(500'000, '[') + std::string(500'000, ']');
  for (const std::string& text : {sound + keys + "}", sound + R"(,"x":)" + nested + "}",
                                  sound + "}" + std::string(1, '\0')}) {
    EXPECT_NE(error_message(trainer.restore(text), ErrorCode::kCorruptModel), "");
  }
  ASSERT_OK(trainer.restore(sound + "}"));
}

TEST(Trainer, RefusesProgressOfMoreEpochsThanItIsToTrain) {
  ASSERT_OK_AND_ASSIGN(Trainer trainer, make_trainer(kOptions));
  const auto progress = [&](std::size_t epochs, const std::string& epoch) {
    std::string list;
    for (std::size_t i = 0; i < epochs; ++i) list += (i == 0 ? "" : ",") + epoch;
    return R"({"step":)" + std::to_string(epochs * trainer.steps_per_epoch()) +
           R"(,"loss":0,"right":0,"best_epoch":0,"diverged":false,"epochs":[)" + list + "]}";
  };
  const std::string epoch = "[1,0.5,1,0.5]";
  EXPECT_NE(error_message(trainer.restore(progress(kOptions.epochs + 1, epoch)),
                          ErrorCode::kCorruptModel),
            "");
  EXPECT_NE(error_message(trainer.restore(progress(1, "[1,2,3]")), ErrorCode::kCorruptModel), "");
  EXPECT_EQ(trainer.step(), 0u);
  ASSERT_OK(trainer.restore(progress(kOptions.epochs, epoch)));
  EXPECT_TRUE(trainer.finished());
}

TEST(SplitDataset, TakesAShareOfEachClassForValidation) {
  Dataset dataset = make_dataset(100);
  ASSERT_OK(split_dataset(dataset, 0.2, 1));
  std::vector<std::size_t> counts(kClasses);
  for (const std::size_t photo : dataset.validation) ++counts[dataset.labels[photo]];
  EXPECT_EQ(counts, (std::vector<std::size_t>{7, 7, 7}));
  std::set<std::size_t> all(dataset.train.begin(), dataset.train.end());
  all.insert(dataset.validation.begin(), dataset.validation.end());
  EXPECT_EQ(all.size(), 100u);
  EXPECT_EQ(dataset.train.size() + dataset.validation.size(), 100u);

  const auto before = dataset.validation;
  ASSERT_OK(split_dataset(dataset, 0.2, 2));
  EXPECT_NE(dataset.validation, before);
}

TEST(SplitDataset, LeavesEachPurposeAPhotoOfEachClass) {
  for (const double fraction : {0.01, 0.99}) {
    Dataset dataset = make_dataset(6);
    ASSERT_OK(split_dataset(dataset, fraction, 1));
    EXPECT_EQ(dataset.train.size(), 3u);
    EXPECT_EQ(dataset.validation.size(), 3u);
  }
  for (const double fraction : {0.0, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    Dataset dataset = make_dataset(6);
    EXPECT_NE(error_message(split_dataset(dataset, fraction, 1), ErrorCode::kInvalidArgument), "");
  }
  Dataset single = make_dataset(4);
  EXPECT_NE(error_message(split_dataset(single, 0.5, 1), ErrorCode::kInvalidArgument), "");
}

TEST(DrawCurves, DrawsAPointForEachEpochAndMarksTheBest) {
  const std::vector<Epoch> epochs = {
      {2.0, 0.3, 1.8, 0.4}, {1.0, 0.6, 1.2, 0.5}, {0.5, 0.9, 1.3, 0.5}};
  const std::string svg = draw_curves(epochs, 1);
  const auto count = [&](const std::string& text) {
    std::size_t found = 0;
    for (std::size_t at = svg.find(text); at != std::string::npos; at = svg.find(text, at + 1)) {
      ++found;
    }
    return found;
  };
  EXPECT_EQ(count("<circle"), 4 * epochs.size());
  EXPECT_EQ(count("best epoch: 2"), 2u);
  EXPECT_EQ(count("validation, epoch 3: 1.3000"), 1u);
  EXPECT_EQ(count("<svg"), 1u);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

/// Four curves of values that are all different.
TEST(DrawCurves, DrawsEachCurveOfItsValuesInItsColour) {
  const std::vector<Epoch> epochs = {{2.0, 0.3, 1.8, 0.4}, {1.0, 0.6, 1.2, 0.75}};
  const std::string svg = draw_curves(epochs, 1);
  const std::string train = "fill='#1f77b4'><title>training, epoch ";
  const std::string validation = "fill='#d62728'><title>validation, epoch ";
  std::vector<std::string> points;
  for (std::size_t at = svg.find("fill='#"); at != std::string::npos;
       at = svg.find("fill='#", at + 1)) {
    const std::string point = svg.substr(at, svg.find("</title>", at) - at);
    if (point.find("epoch ") < 50) points.push_back(point);
  }
  const std::vector<std::string> expected = {
      train + "1: 2.0000",      train + "2: 1.0000",       // loss
      validation + "1: 1.8000", validation + "2: 1.2000",  //
      train + "1: 0.3000",      train + "2: 0.6000",       // accuracy
      validation + "1: 0.4000", validation + "2: 0.7500"};
  EXPECT_EQ(points, expected);
  for (const char* legend : {"fill='#1f77b4'/>\n<text x='228.0' y='24'>training<",
                             "fill='#d62728'/>\n<text x='318.0' y='24'>validation<"}) {
    EXPECT_NE(svg.find(legend), std::string::npos) << legend;
  }
}

TEST(Trainer, TakesAllPhotosAtOnceIfThereAreNoMore) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  ASSERT_OK_AND_ASSIGN(Trainer trainer,
                       make_trainer({.learning_rate = 0.03, .epochs = 2, .batch = kMost}));
  EXPECT_EQ(trainer.steps_per_epoch(), 1u);
  while (!trainer.finished()) {
    ASSERT_OK(trainer.run_step());
  }
  EXPECT_EQ(trainer.epochs().size(), 2u);
}

}  // namespace
}  // namespace gradcam::testing
