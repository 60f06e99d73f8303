#include "gradcam/train/teacher.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <string>
#include <utility>

#include "gradcam/tensor/random.h"

namespace gradcam {
namespace {

// With features of mean square length 1 these fit every network and any number of photos: the loss
// curves by 1/2 at most, for which this rate is well below where momentum would make it unstable.
constexpr std::size_t kSteps = 150;
constexpr double kLearningRate = 1;
constexpr float kMomentum = 0.9f;
constexpr float kWeightDecay = 1e-3f;

constexpr std::size_t kMostLeftOutOneByOne = 50;
constexpr std::size_t kGroupsOfMany = 10;

Result<std::size_t> count_classes(std::span<const std::size_t> labels) {
  std::vector<std::size_t> counts;
  for (const std::size_t label : labels) {
    if (label >= labels.size()) {
      return fail(ErrorCode::kInvalidArgument, "there are more classes than photos");
    }
    counts.resize(std::max(counts.size(), label + 1));
    ++counts[label];
  }
  if (counts.size() < 2) {
    return fail(ErrorCode::kInvalidArgument, "there is only one class; two can be told apart");
  }
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] >= 2) continue;
    return fail(ErrorCode::kInvalidArgument,
                "class " + std::to_string(c) + " has " + std::to_string(counts[c]) +
                    " photos; it needs two, so that one can be left out");
  }
  return counts.size();
}

/// Divides photos so that each class is spread over the groups.
std::vector<std::size_t> divide(std::span<const std::size_t> labels, std::size_t groups,
                                std::uint64_t seed) {
  struct Place {
    std::size_t label;
    std::uint64_t random;
    std::size_t photo;

    auto operator<=>(const Place&) const = default;
  };
  const RandomStream random(seed, RandomPurpose::kSplit, 0);
  std::vector<Place> order;
  for (std::size_t i = 0; i < labels.size(); ++i) order.push_back({labels[i], random.bits(i), i});
  std::ranges::sort(order);
  std::vector<std::size_t> result(labels.size());
  for (std::size_t i = 0; i < order.size(); ++i) result[order[i].photo] = i % groups;
  return result;
}

}  // namespace

std::size_t Teacher::steps() { return kSteps; }

Result<Teacher> Teacher::create(Lesson lesson) {
  Teacher teacher;
  GRADCAM_TRY(teacher.classes_, count_classes(lesson.labels));
  const Shape shape = lesson.features.shape();
  const std::size_t photos = lesson.labels.size();
  if (shape.size() != 3 || shape[0] != photos || lesson.features.empty()) {
    return fail(ErrorCode::kInvalidArgument, "features of shape " + to_string(shape) +
                                                 " do not go with " + std::to_string(photos) +
                                                 " labels");
  }
  teacher.views_ = shape[1];
  const std::size_t width = shape[2];
  const std::size_t rows = photos * teacher.views_;
  const std::span<float> values = lesson.features.values();
  std::vector<double> mean(width);
  for (std::size_t i = 0; i < values.size(); ++i) mean[i % width] += values[i];
  for (double& value : mean) value /= static_cast<double>(rows);
  teacher.mean_.assign(mean.begin(), mean.end());
  double square = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] -= teacher.mean_[i % width];
    square += double{values[i]} * values[i];
  }
  square /= static_cast<double>(rows);
  if (!std::isfinite(square)) {
    return fail(ErrorCode::kInvalidArgument, "the features of the photos are not finite");
  }
  // Photos that are all alike teach nothing, but do no harm.
  teacher.scale_ = square > 0 ? static_cast<float>(1 / std::sqrt(square)) : 1.0f;
  for (float& value : values) value *= teacher.scale_;
  teacher.features_ = std::move(lesson.features);
  teacher.left_out_.groups = photos <= kMostLeftOutOneByOne ? photos : kGroupsOfMany;
  teacher.groups_ = divide(lesson.labels, teacher.left_out_.groups, lesson.seed);
  teacher.labels_ = std::move(lesson.labels);
  GRADCAM_TRY(teacher.left_out_logits_, Tensor::zeros({photos, teacher.classes_}));
  GRADCAM_CHECK_OK(teacher.begin_training());
  return teacher;
}

bool Teacher::is_left_out(std::size_t photo) const { return groups_[photo] + 1 == training_; }

Result<void> Teacher::begin_training() {
  const std::size_t width = mean_.size();
  const std::size_t part = views_ * width;
  std::size_t count = 0;
  for (std::size_t photo = 0; photo < photos(); ++photo) count += is_left_out(photo) ? 0 : 1;
  GRADCAM_TRY(batch_, Tensor::zeros({count * views_, width}));
  batch_labels_.clear();
  float* target = batch_.data();
  for (std::size_t photo = 0; photo < photos(); ++photo) {
    if (is_left_out(photo)) continue;
    target = std::copy_n(features_.data() + photo * part, part, target);
    batch_labels_.insert(batch_labels_.end(), views_, labels_[photo]);
  }
  std::vector<DenseParameters> layers(1);
  GRADCAM_TRY(layers[0], zero_head(classes_, width));
  const ClassifierOptions options{
      .optimizer = {.weight_decay = kWeightDecay, .momentum = kMomentum}, .dropout = 0};
  GRADCAM_TRY(Classifier classifier, Classifier::create(std::move(layers), options));
  classifier_ = std::make_unique<Classifier>(std::move(classifier));
  step_ = 0;
  return {};
}

Result<void> Teacher::step() {
  if (finished()) return fail(ErrorCode::kInvalidArgument, "the training has ended");
  const double rate = cosine_schedule(kLearningRate, step_, kSteps);
  GRADCAM_TRY(const BatchOutcome outcome,
              classifier_->train_step(batch_, batch_labels_, rate, step_));
  if (!std::isfinite(outcome.loss)) {
    return fail(ErrorCode::kInternal, "the loss is not finite in step " + std::to_string(step_));
  }
  if (training_ == 0) {
    losses_.push_back(outcome.loss / static_cast<double>(batch_labels_.size()));
  }
  return ++step_ == kSteps ? end_training() : Result<void>();
}

Result<void> Teacher::end_training() {
  if (training_ == 0) head_ = std::move(*classifier_->parameters().front());
  const std::size_t width = mean_.size();
  for (std::size_t photo = 0; training_ > 0 && photo < photos(); ++photo) {
    if (!is_left_out(photo)) continue;
    const float* features = features_.data() + photo * views_ * width;
    GRADCAM_TRY(const Tensor x, Tensor::from({1, width}, {features, width}));
    GRADCAM_TRY(const Tensor logits, classifier_->forward(x));
    const auto row = logits.values();
    std::ranges::copy(row, left_out_logits_.data() + photo * classes_);
    ++left_out_.done;
    const auto best = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
    if (best != labels_[photo]) left_out_.mistakes.push_back({photo, best});
  }
  ++training_;
  return finished() ? Result<void>() : begin_training();
}

Result<DenseParameters> Teacher::head() const {
  if (training_ == 0) return fail(ErrorCode::kInvalidArgument, "the training has not ended");
  GRADCAM_TRY(DenseParameters head, head_.clone());
  const std::size_t width = mean_.size();
  for (std::size_t c = 0; c < classes_; ++c) {
    double shift = 0;
    float* weights = head.weight.data() + c * width;
    for (std::size_t i = 0; i < width; ++i) {
      weights[i] *= scale_;
      shift += double{weights[i]} * mean_[i];
    }
    head.bias.data()[c] -= static_cast<float>(shift);
  }
  return head;
}

float Teacher::temperature() const { return fit_temperature(left_out_logits_, labels_); }

}  // namespace gradcam
