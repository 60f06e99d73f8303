#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gradcam/tensor/tensor.h"
#include "gradcam/train/optimizer.h"

namespace gradcam {

/// Calls task(0) to task(count - 1), in any order and in any threads, and returns when all are
/// done.
using Parallel =
    std::function<void(std::size_t count, const std::function<void(std::size_t)>& task)>;

/// The parameters of a dense layer: weight [O, I] and bias [O].
struct DenseParameters {
  std::string name;  ///< "fc1", "fc2" or "predictions"
  Tensor weight;
  Tensor bias;

  Result<DenseParameters> clone() const;
};

/// A last layer whose weights and biases are 0.
Result<DenseParameters> zero_head(std::size_t classes, std::size_t inputs);

/// A new last layer: normal weights of deviation 0.01 and biases of 0, as in the paper of VGG16
/// (arXiv 1409.1556, 3.1).
Result<DenseParameters> new_head(std::size_t classes, std::size_t inputs, std::uint64_t seed);

struct ClassifierOptions {
  OptimizerOptions optimizer = {};
  float dropout = 0.5f;    ///< of the outputs of all layers but the last, in [0, 1)
  std::uint64_t seed = 1;  ///< of the dropout
};

/// How a batch went.
struct BatchOutcome {
  double loss = 0;        ///< cross-entropy, summed over the samples
  std::size_t right = 0;  ///< samples whose class had the largest logit
};

/// How samples with these logits [n, classes] went.
/// @param gradient as large as the logits: of the loss by them; or empty, if it is not wanted
BatchOutcome batch_outcome(const Tensor& logits, std::span<const std::size_t> labels,
                           std::span<float> gradient);

/// A tensor that belongs to a training run, by a name of its own.
struct NamedTensor {
  std::string name;
  Tensor* tensor;
};

/// The last dense layers of the network while they are trained, with ReLU and dropout between them.
/// The result is the same to the bit whatever `parallel` does.
class Classifier {
 public:
  /// The layers must fit each other. `parallel` may be empty: then there is one thread.
  static Result<Classifier> create(std::vector<DenseParameters> layers,
                                   const ClassifierOptions& options, Parallel parallel = {});

  std::size_t inputs() const { return layers_.front().parameters.weight.dim(1); }
  std::size_t classes() const { return layers_.back().parameters.bias.size(); }

  /// The logits [n, classes] of inputs x [n, I], without dropout.
  Result<Tensor> forward(const Tensor& x) const;

  /// One step of the optimizer on the mean loss of a batch x [n, I]. A layer's gradients exist only
  /// for some rows at a time: each row of the weights is changed as soon as its gradient is known.
  /// If the loss is not finite, the weights stay as they were.
  Result<BatchOutcome> train_step(const Tensor& x, std::span<const std::size_t> labels,
                                  double learning_rate, std::uint64_t step);

  std::vector<DenseParameters*> parameters();

  /// Everything that training changes: weights, biases and what the optimizer keeps for them.
  std::vector<NamedTensor> state();

 private:
  struct Layer {
    DenseParameters parameters;
    std::array<Tensor, 2> weight_state;
    std::array<Tensor, 2> bias_state;
  };

  explicit Classifier(const ClassifierOptions& options) : options_(options) {}

  /// What each layer gives for x, after ReLU and, if `step` is given, dropout.
  Result<std::vector<Tensor>> outputs(const Tensor& x, const std::uint64_t* step) const;
  Result<Tensor> input_gradient(const Layer& layer, const Tensor& gradient) const;
  Result<void> update(Layer& layer, const Tensor& x, const Tensor& gradient, double learning_rate,
                      std::uint64_t step);
  /// Runs the tasks, in this thread if they are so little work that threads would cost more.
  Result<void> run(std::size_t tasks, std::size_t work,
                   const std::function<Result<void>(std::size_t)>& task) const;

  ClassifierOptions options_;
  Parallel parallel_;
  std::vector<Layer> layers_;
  std::vector<Tensor> scratch_;  // of each lane: gradients of some rows, and of their biases
};

/// The temperature in [1/4, 10] that makes the mean cross-entropy of softmax(logits / T) smallest
/// (Guo et al., "On Calibration of Modern Neural Networks", 2017, arXiv 1706.04599).
/// logits: [n, classes]; labels: [n], each of a class. 1 of anything else.
float fit_temperature(const Tensor& logits, std::span<const std::size_t> labels);

}  // namespace gradcam
