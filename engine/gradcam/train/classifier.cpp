#include "gradcam/train/classifier.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "gradcam/layers/dense.h"
#include "gradcam/layers/relu.h"
#include "gradcam/layers/softmax.h"
#include "gradcam/tensor/random.h"

namespace gradcam {
namespace {

// How work is cut into tasks. Fixed, so that results do not depend on the number of threads.
constexpr std::size_t kMostTasks = 16;
constexpr std::size_t kRowsAtOnce = 6;     // outputs of a layer whose gradients exist together
constexpr std::size_t kSamplesAtOnce = 6;  // whose input gradients share one pass over the weights

std::size_t blocks(std::size_t count, std::size_t size) { return (count + size - 1) / size; }

/// Drops values of a layer's outputs and scales the rest, so that their expectation stays.
void dropout_forward(const RandomStream& random, float probability, std::span<float> values) {
  const auto threshold = static_cast<std::uint32_t>(probability * 0x1p24f);
  const float scale = 1 / (1 - probability);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = random.bits24(i) < threshold ? 0.0f : values[i] * scale;
  }
}

/// The same for the gradient, where the ReLU's backward has already made those zero whose output
/// is zero.
void dropout_backward(float probability, std::span<float> gradient) {
  for (float& value : gradient) value *= 1 / (1 - probability);
}

}  // namespace

Result<DenseParameters> DenseParameters::clone() const {
  DenseParameters copy{.name = name, .weight = {}, .bias = {}};
  GRADCAM_TRY(copy.weight, weight.clone());
  GRADCAM_TRY(copy.bias, bias.clone());
  return copy;
}

Result<DenseParameters> zero_head(std::size_t classes, std::size_t inputs) {
  DenseParameters head{.name = "predictions", .weight = {}, .bias = {}};
  GRADCAM_TRY(head.weight, Tensor::zeros({classes, inputs}));
  GRADCAM_TRY(head.bias, Tensor::zeros({classes}));
  return head;
}

Result<DenseParameters> new_head(std::size_t classes, std::size_t inputs, std::uint64_t seed) {
  GRADCAM_TRY(DenseParameters head, zero_head(classes, inputs));
  const RandomStream random(seed, RandomPurpose::kInit, 0);
  for (std::size_t i = 0; i < head.weight.size(); ++i) {
    head.weight.data()[i] = static_cast<float>(0.01 * random.normal(i));
  }
  return head;
}

BatchOutcome batch_outcome(const Tensor& logits, std::span<const std::size_t> labels,
                           std::span<float> gradient) {
  const std::size_t classes = logits.dim(1);
  BatchOutcome outcome;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = logits.values().subspan(i * classes, classes);
    const auto own = gradient.empty() ? gradient : gradient.subspan(i * classes, classes);
    outcome.loss += cross_entropy(row, labels[i], own);
    outcome.right +=
        std::ranges::max_element(row) - row.begin() == static_cast<std::ptrdiff_t>(labels[i]);
  }
  return outcome;
}

Result<Classifier> Classifier::create(std::vector<DenseParameters> layers,
                                      const ClassifierOptions& options, Parallel parallel) {
  if (layers.empty()) return fail(ErrorCode::kInvalidArgument, "there is no layer to train");
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    return fail(ErrorCode::kInvalidArgument, "the dropout must be at least 0 and less than 1");
  }
  Classifier classifier(options);
  classifier.parallel_ = std::move(parallel);
  std::size_t widest = 0;
  for (DenseParameters& parameters : layers) {
    const Shape shape = parameters.weight.shape();
    if (shape.size() != 2 || shape[0] == 0 || parameters.bias.shape() != Shape{shape[0]} ||
        (!classifier.layers_.empty() &&
         shape[1] != classifier.layers_.back().parameters.bias.size())) {
      return fail(ErrorCode::kInvalidArgument,
                  "the layer " + parameters.name + " with a weight of shape " + to_string(shape) +
                      " and a bias of shape " + to_string(parameters.bias.shape()) +
                      " does not fit the layer before it");
    }
    Layer layer{.parameters = std::move(parameters), .weight_state = {}, .bias_state = {}};
    for (std::size_t i = 0; i < optimizer_states(options.optimizer.algorithm); ++i) {
      GRADCAM_TRY(layer.weight_state[i], Tensor::zeros(shape));
      GRADCAM_TRY(layer.bias_state[i], Tensor::zeros({shape[0]}));
    }
    widest = std::max(widest, shape[1]);
    classifier.layers_.push_back(std::move(layer));
  }
  classifier.scratch_.resize(kMostTasks);
  for (Tensor& scratch : classifier.scratch_) {
    GRADCAM_TRY(scratch, Tensor::zeros({kRowsAtOnce * (widest + 1)}));
  }
  return classifier;
}

Result<void> Classifier::run(std::size_t tasks, std::size_t work,
                             const std::function<Result<void>(std::size_t)>& task) const {
  constexpr std::size_t kWorthThreads = std::size_t{1} << 21;  // multiplications
  if (!parallel_ || work < kWorthThreads) {
    for (std::size_t i = 0; i < tasks; ++i) GRADCAM_CHECK_OK(task(i));
    return {};
  }
  std::mutex mutex;
  Result<void> outcome;
  parallel_(tasks, [&](std::size_t i) {
    const Result<void> result = task(i);
    if (result) return;
    const std::lock_guard lock(mutex);
    outcome = result;
  });
  return outcome;
}

Result<std::vector<Tensor>> Classifier::outputs(const Tensor& x, const std::uint64_t* step) const {
  if (x.rank() != 2 || x.dim(1) != inputs()) {
    return fail(ErrorCode::kInvalidArgument,
                "the classifier cannot take inputs of shape " + to_string(x.shape()));
  }
  std::vector<Tensor> outputs;
  const Tensor* input = &x;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const DenseParameters& p = layers_[i].parameters;
    const std::size_t rows = p.bias.size();
    const std::size_t samples = input->dim(0);
    GRADCAM_TRY(Tensor y, Tensor::zeros({samples, rows}));
    const std::size_t tasks = std::min(kMostTasks, blocks(rows, kRowsAtOnce));
    const std::size_t part = blocks(rows, tasks);
    GRADCAM_CHECK_OK(run(tasks, samples * p.weight.size(), [&](std::size_t task) {
      const std::size_t first = std::min(rows, task * part);
      return dense_forward(p.weight, p.bias, *input, first, std::min(part, rows - first), y);
    }));
    if (i + 1 < layers_.size()) {
      relu_forward(y.values());
      if (step != nullptr && options_.dropout > 0) {
        const RandomStream random(options_.seed, RandomPurpose::kDropout, *step, i);
        dropout_forward(random, options_.dropout, y.values());
      }
    }
    outputs.push_back(std::move(y));
    input = &outputs.back();
  }
  return outputs;
}

Result<Tensor> Classifier::forward(const Tensor& x) const {
  GRADCAM_TRY(std::vector<Tensor> all, outputs(x, nullptr));
  return std::move(all.back());
}

Result<Tensor> Classifier::input_gradient(const Layer& layer, const Tensor& gradient) const {
  const Tensor& weight = layer.parameters.weight;
  const std::size_t samples = gradient.dim(0);
  GRADCAM_TRY(Tensor result, Tensor::zeros({samples, weight.dim(1)}));
  GRADCAM_CHECK_OK(
      run(blocks(samples, kSamplesAtOnce), samples * weight.size(), [&](std::size_t task) {
        const std::size_t first = task * kSamplesAtOnce;
        return dense_backward(weight, gradient, first, std::min(kSamplesAtOnce, samples - first),
                              result);
      }));
  return result;
}

Result<void> Classifier::update(Layer& layer, const Tensor& x, const Tensor& gradient,
                                double learning_rate, std::uint64_t step) {
  Tensor& weight = layer.parameters.weight;
  Tensor& bias = layer.parameters.bias;
  const std::size_t rows = weight.dim(0);
  const std::size_t inputs = weight.dim(1);
  // Some of a tensor's values; of a state that the optimizer does not have, none.
  const auto values = [](Tensor& tensor, std::size_t first, std::size_t count) {
    return tensor.empty() ? std::span<float>() : tensor.values().subspan(first, count);
  };
  return run(std::min(kMostTasks, blocks(rows, kRowsAtOnce)), x.dim(0) * weight.size(),
             [&](std::size_t task) -> Result<void> {
               Tensor& scratch = scratch_[task];
               for (std::size_t first = task * kRowsAtOnce; first < rows;
                    first += kMostTasks * kRowsAtOnce) {
                 const std::size_t count = std::min(kRowsAtOnce, rows - first);
                 const auto dw = scratch.values().first(count * inputs);
                 const auto db = scratch.values().last(count);
                 GRADCAM_CHECK_OK(dense_backward_weight(x, gradient, first, dw, db));
                 optimizer_step(options_.optimizer, learning_rate, step, dw,
                                values(weight, first * inputs, dw.size()),
                                values(layer.weight_state[0], first * inputs, dw.size()),
                                values(layer.weight_state[1], first * inputs, dw.size()));
                 optimizer_step(options_.optimizer, learning_rate, step, db,
                                values(bias, first, count),
                                values(layer.bias_state[0], first, count),
                                values(layer.bias_state[1], first, count));
               }
               return {};
             });
}

Result<BatchOutcome> Classifier::train_step(const Tensor& x, std::span<const std::size_t> labels,
                                            double learning_rate, std::uint64_t step) {
  if (x.rank() != 2 || x.dim(0) != labels.size() || labels.empty() ||
      std::ranges::max(labels) >= classes()) {
    return fail(ErrorCode::kInvalidArgument,
                "a batch " + to_string(x.shape()) + " does not go with " +
                    std::to_string(labels.size()) + " labels, or they are not classes");
  }
  GRADCAM_TRY(const std::vector<Tensor> outputs, this->outputs(x, &step));
  const Tensor& logits = outputs.back();
  GRADCAM_TRY(Tensor gradient, Tensor::zeros(logits.shape()));
  const BatchOutcome outcome = batch_outcome(logits, labels, gradient.values());
  for (float& value : gradient.values()) value /= static_cast<float>(labels.size());
  if (!std::isfinite(outcome.loss)) return outcome;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Tensor& input = i == 0 ? x : outputs[i - 1];
    Tensor next;
    if (i > 0) {
      GRADCAM_TRY(next, input_gradient(layers_[i], gradient));
      relu_backward(input.values(), next.values());
      dropout_backward(options_.dropout, next.values());
    }
    GRADCAM_CHECK_OK(update(layers_[i], input, gradient, learning_rate, step));
    gradient = std::move(next);
  }
  return outcome;
}

std::vector<DenseParameters*> Classifier::parameters() {
  std::vector<DenseParameters*> result;
  for (Layer& layer : layers_) result.push_back(&layer.parameters);
  return result;
}

std::vector<NamedTensor> Classifier::state() {
  std::vector<NamedTensor> result;
  for (Layer& layer : layers_) {
    const std::string& name = layer.parameters.name;
    result.push_back({name + ".weight", &layer.parameters.weight});
    result.push_back({name + ".bias", &layer.parameters.bias});
    for (std::size_t i = 0; i < optimizer_states(options_.optimizer.algorithm); ++i) {
      const std::string suffix = ".state" + std::to_string(i);
      result.push_back({name + ".weight" + suffix, &layer.weight_state[i]});
      result.push_back({name + ".bias" + suffix, &layer.bias_state[i]});
    }
  }
  return result;
}

float fit_temperature(const Tensor& logits, std::span<const std::size_t> labels) {
  if (logits.rank() != 2 || labels.empty() || logits.dim(0) != labels.size()) return 1;
  const std::size_t classes = logits.dim(1);
  if (std::ranges::max(labels) >= classes) return 1;
  const auto loss = [&](double log_temperature) {
    const double scale = std::exp(-log_temperature);
    double total = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = logits.values().subspan(i * classes, classes);
      total += log_sum_exp(row, scale) - double{row[labels[i]]} * scale;
    }
    return total;
  };
  // Convex in 1 / T, so it has one minimum: golden-section search.
  constexpr double kRatio = 0.6180339887498949;
  double low = std::log(0.25);
  double high = std::log(10.0);
  double left = high - kRatio * (high - low);
  double right = low + kRatio * (high - low);
  double left_loss = loss(left);
  double right_loss = loss(right);
  for (int i = 0; i < 60; ++i) {
    if (left_loss < right_loss) {
      high = std::exchange(right, left);
      right_loss = left_loss;
      left = high - kRatio * (high - low);
      left_loss = loss(left);
    } else {
      low = std::exchange(left, right);
      left_loss = right_loss;
      right = low + kRatio * (high - low);
      right_loss = loss(right);
    }
  }
  return static_cast<float>(std::exp((low + high) / 2));
}

}  // namespace gradcam
