#include "gradcam/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gradcam/tensor/json.h"
#include "gradcam/tensor/random.h"
#include "gradcam/train/optimizer.h"

namespace gradcam {
namespace {

using Json = internal::UntrustedJson;

}  // namespace

Result<void> split_dataset(Dataset& dataset, double fraction, std::uint64_t seed) {
  if (!(fraction > 0 && fraction < 1)) {
    return fail(ErrorCode::kInvalidArgument, "the share for validation must be between 0 and 1");
  }
  std::size_t classes = 0;
  for (const std::size_t label : dataset.labels) classes = std::max(classes, label + 1);
  dataset.train.clear();
  dataset.validation.clear();
  for (std::size_t c = 0; c < classes; ++c) {
    std::vector<std::size_t> photos;
    for (std::size_t i = 0; i < dataset.labels.size(); ++i) {
      if (dataset.labels[i] == c) photos.push_back(i);
    }
    if (photos.size() < 2) {
      return fail(ErrorCode::kInvalidArgument,
                  "class " + std::to_string(c) + " has " + std::to_string(photos.size()) +
                      " photos; it needs two, one to train on and one to validate by");
    }
    RandomStream(seed, RandomPurpose::kSplit, c).shuffle(photos);
    const auto wanted =
        static_cast<std::size_t>(std::lround(fraction * static_cast<double>(photos.size())));
    const std::size_t count = std::clamp<std::size_t>(wanted, 1, photos.size() - 1);
    const auto middle = photos.begin() + static_cast<std::ptrdiff_t>(count);
    dataset.validation.insert(dataset.validation.end(), photos.begin(), middle);
    dataset.train.insert(dataset.train.end(), middle, photos.end());
  }
  std::ranges::sort(dataset.train);
  std::ranges::sort(dataset.validation);
  return {};
}

Result<Trainer> Trainer::create(Classifier classifier, Dataset dataset,
                                const TrainOptions& options) {
  const std::size_t photos = dataset.labels.size();
  const auto inside = [&](std::size_t photo) { return photo < photos; };
  if (dataset.train.empty() || dataset.validation.empty() || dataset.views == 0 || !dataset.read ||
      options.batch == 0 || options.epochs == 0 || !std::ranges::all_of(dataset.train, inside) ||
      !std::ranges::all_of(dataset.validation, inside)) {
    return fail(ErrorCode::kInvalidArgument,
                "training needs photos to train on and to validate by, a batch and an epoch");
  }
  if (std::ranges::max(dataset.labels) >= classifier.classes()) {
    return fail(ErrorCode::kInvalidArgument, "there are labels beyond the " +
                                                 std::to_string(classifier.classes()) +
                                                 " classes of the classifier");
  }
  if (!(options.learning_rate > 0 && std::isfinite(options.learning_rate))) {
    return fail(ErrorCode::kInvalidArgument, "the learning rate must be above 0");
  }
  Trainer trainer(std::move(classifier), std::move(dataset), options);
  trainer.steps_per_epoch_ = (trainer.dataset_.train.size() - 1) / options.batch + 1;
  for (const DenseParameters* parameters : trainer.classifier_.parameters()) {
    GRADCAM_TRY(DenseParameters copy, parameters->clone());
    trainer.best_.push_back(std::move(copy));
  }
  return trainer;
}

bool Trainer::finished() const {
  const std::size_t done = epochs_.size();
  return diverged_ || done >= options_.epochs ||
         (done > 0 && done - 1 - best_epoch_ >= options_.patience);
}

Result<Tensor> Trainer::read(std::span<const std::size_t> photos,
                             const std::function<std::size_t(std::size_t)>& view) const {
  const std::size_t width = classifier_.inputs();
  GRADCAM_TRY(Tensor x, Tensor::zeros({photos.size(), width}));
  for (std::size_t i = 0; i < photos.size(); ++i) {
    GRADCAM_CHECK_OK(
        dataset_.read(photos[i], view(photos[i]), x.values().subspan(i * width, width)));
  }
  return x;
}

Result<void> Trainer::run_step() {
  if (finished()) return fail(ErrorCode::kInvalidArgument, "the training has ended");
  const std::uint64_t epoch = step_ / steps_per_epoch_;
  std::vector<std::size_t> order = dataset_.train;
  RandomStream(options_.seed, RandomPurpose::kOrder, epoch).shuffle(order);
  const std::size_t first = static_cast<std::size_t>(step_ % steps_per_epoch_) * options_.batch;
  const std::span<const std::size_t> batch =
      std::span(order).subspan(first, std::min(options_.batch, order.size() - first));
  const RandomStream views(options_.seed, RandomPurpose::kView, epoch);
  GRADCAM_TRY(const Tensor x,
              read(batch, [&](std::size_t photo) { return views.below(photo, dataset_.views); }));
  std::vector<std::size_t> labels;
  for (const std::size_t photo : batch) labels.push_back(dataset_.labels[photo]);
  const double rate =
      cosine_schedule(options_.learning_rate, step_, options_.epochs * steps_per_epoch_);
  GRADCAM_TRY(const BatchOutcome outcome, classifier_.train_step(x, labels, rate, step_));
  if (!std::isfinite(outcome.loss)) {
    return diverge("the loss is not finite in step " + std::to_string(step_));
  }
  epoch_outcome_.loss += outcome.loss;
  epoch_outcome_.right += outcome.right;
  ++step_;
  return step_ % steps_per_epoch_ == 0 ? end_epoch() : Result<void>();
}

Result<void> Trainer::end_epoch() {
  GRADCAM_TRY(const Tensor logits, validation_logits());
  std::vector<std::size_t> labels;
  for (const std::size_t photo : dataset_.validation) labels.push_back(dataset_.labels[photo]);
  const BatchOutcome validation = batch_outcome(logits, labels, {});
  const auto train_photos = static_cast<double>(dataset_.train.size());
  const auto validation_photos = static_cast<double>(labels.size());
  if (!std::isfinite(validation.loss)) {
    return diverge("the validation loss is not finite after epoch " +
                   std::to_string(epochs_.size() + 1));
  }
  const BatchOutcome train = std::exchange(epoch_outcome_, {});
  epochs_.push_back(
      {.train_loss = train.loss / train_photos,
       .train_accuracy = static_cast<double>(train.right) / train_photos,
       .validation_loss = validation.loss / validation_photos,
       .validation_accuracy = static_cast<double>(validation.right) / validation_photos});
  if (epochs_.size() == 1 ||
      epochs_.back().validation_loss < epochs_[best_epoch_].validation_loss) {
    best_epoch_ = epochs_.size() - 1;
    const auto now = classifier_.parameters();
    for (std::size_t i = 0; i < best_.size(); ++i) {
      std::ranges::copy(now[i]->weight.values(), best_[i].weight.data());
      std::ranges::copy(now[i]->bias.values(), best_[i].bias.data());
    }
  }
  return {};
}

/// The end, with the best epoch that there was.
Result<void> Trainer::diverge(const std::string& what) {
  if (epochs_.empty()) {
    return fail(ErrorCode::kInvalidArgument, what + "; a smaller learning rate may help");
  }
  diverged_ = true;
  // What it has come to is of no more use, and no checkpoint takes numbers that are not finite.
  for (const NamedTensor& state : classifier_.state()) std::ranges::fill(state.tensor->values(), 0);
  return {};
}

Result<Tensor> Trainer::validation_logits() const {
  const auto& photos = dataset_.validation;
  GRADCAM_TRY(Tensor logits, Tensor::zeros({photos.size(), classifier_.classes()}));
  float* next = logits.data();
  for (std::size_t first = 0; first < photos.size(); first += options_.batch) {
    const auto batch =
        std::span(photos).subspan(first, std::min(options_.batch, photos.size() - first));
    GRADCAM_TRY(const Tensor x, read(batch, [](std::size_t) { return std::size_t{0}; }));
    GRADCAM_TRY(const Tensor part, classifier_.forward(x));
    next = std::ranges::copy(part.values(), next).out;
  }
  return logits;
}

Result<Classifier*> Trainer::finish() {
  if (epochs_.empty()) return fail(ErrorCode::kInvalidArgument, "no epoch has ended");
  const auto now = classifier_.parameters();
  for (std::size_t i = 0; i < best_.size(); ++i) {
    std::ranges::copy(best_[i].weight.values(), now[i]->weight.data());
    std::ranges::copy(best_[i].bias.values(), now[i]->bias.data());
  }
  return &classifier_;
}

std::vector<NamedTensor> Trainer::state() {
  std::vector<NamedTensor> state = classifier_.state();
  for (DenseParameters& best : best_) {
    state.push_back({best.name + ".weight.best", &best.weight});
    state.push_back({best.name + ".bias.best", &best.bias});
  }
  return state;
}

std::string Trainer::progress() const {
  Json epochs = Json::array();
  for (const Epoch& e : epochs_) {
    epochs.push_back({e.train_loss, e.train_accuracy, e.validation_loss, e.validation_accuracy});
  }
  return Json{{"step", step_},
              {"loss", epoch_outcome_.loss},
              {"right", epoch_outcome_.right},
              {"best_epoch", best_epoch_},
              {"diverged", diverged_},
              {"epochs", std::move(epochs)}}
      .dump();
}

Result<void> Trainer::restore(std::string_view progress) {
  const auto corrupt = [] {
    return fail(ErrorCode::kCorruptModel, "the checkpoint's progress is damaged");
  };
  const Json json = internal::parse_untrusted(progress, {.keys = 100});
  if (!json.is_object()) return corrupt();
  const auto number = [&](const char* key) -> const Json* {
    const auto it = json.find(key);
    return it != json.end() && it->is_number() ? &*it : nullptr;
  };
  const Json* step = number("step");
  const Json* loss = number("loss");
  const Json* right = number("right");
  const Json* best = number("best_epoch");
  const auto diverged = json.find("diverged");
  const auto list = json.find("epochs");
  if (step == nullptr || !step->is_number_unsigned() || loss == nullptr || right == nullptr ||
      !right->is_number_unsigned() || best == nullptr || !best->is_number_unsigned() ||
      diverged == json.end() || !diverged->is_boolean() || list == json.end() ||
      !list->is_array()) {
    return corrupt();
  }
  std::vector<Epoch> epochs;
  for (const Json& e : *list) {
    if (!e.is_array() || e.size() != 4 ||
        !std::ranges::all_of(e, [](const Json& value) { return value.is_number(); })) {
      return corrupt();
    }
    epochs.push_back({.train_loss = e[0].get<double>(),
                      .train_accuracy = e[1].get<double>(),
                      .validation_loss = e[2].get<double>(),
                      .validation_accuracy = e[3].get<double>()});
  }
  const auto steps = step->get<std::uint64_t>();
  const auto best_epoch = best->get<std::size_t>();
  const bool has_diverged = diverged->get<bool>();
  // An epoch that led astray is not among them.
  if ((has_diverged ? epochs.empty() : steps / steps_per_epoch_ != epochs.size()) ||
      epochs.size() > options_.epochs || best_epoch >= std::max<std::size_t>(1, epochs.size())) {
    return corrupt();
  }
  step_ = steps;
  epoch_outcome_ = {.loss = loss->get<double>(), .right = right->get<std::size_t>()};
  best_epoch_ = best_epoch;
  diverged_ = has_diverged;
  epochs_ = std::move(epochs);
  return {};
}

}  // namespace gradcam
