#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/train/classifier.h"

namespace gradcam {

/// Photos as the trainer sees them: what the frozen part of the network made of each of their
/// views.
struct Dataset {
  std::vector<std::size_t> labels;      ///< of each photo
  std::vector<std::size_t> train;       ///< photos to train on
  std::vector<std::size_t> validation;  ///< photos to stop by; only their view 0 is used
  std::size_t views = 1;                ///< of each photo; 0 is the photo as the model sees it
  /// Reads the features of a view of a photo, as many as the classifier has inputs.
  std::function<Result<void>(std::size_t photo, std::size_t view, std::span<float>)> read;
};

/// Divides photos: of each class, `fraction` of them for validation, but at least one for each
/// purpose. Both halves come sorted. kInvalidArgument if a class has fewer than two photos, and for
/// a fraction that is not between 0 and 1.
Result<void> split_dataset(Dataset& dataset, double fraction, std::uint64_t seed);

struct TrainOptions {
  double learning_rate = 1e-3;  ///< at the beginning; falls to 0 along half a cosine
  std::size_t epochs = 30;
  std::size_t batch = 32;
  std::size_t patience = 8;  ///< epochs without a smaller validation loss before it stops
  std::uint64_t seed = 1;
};

struct Epoch {
  double train_loss = 0;      ///< mean cross-entropy, measured while training, with dropout
  double train_accuracy = 0;  ///< likewise
  double validation_loss = 0;
  double validation_accuracy = 0;
};

/// Trains a classifier step by step and keeps the weights of the epoch with the smallest validation
/// loss. All that it does follows from the seed; between steps its state can be saved, and a
/// trainer of the same data and options that takes it over goes on as if nothing had happened.
class Trainer {
 public:
  /// kInvalidArgument for labels that the classifier has no class for, and options that train
  /// nothing.
  static Result<Trainer> create(Classifier classifier, Dataset dataset,
                                const TrainOptions& options);

  std::size_t steps_per_epoch() const { return steps_per_epoch_; }
  std::uint64_t step() const { return step_; }
  bool finished() const;
  /// Whether it has finished because the loss was not finite any more. The epoch in which that
  /// happened is not among `epochs`; if it was the first one, `run_step` fails.
  bool diverged() const { return diverged_; }

  /// Trains on one batch: every photo once in an epoch, in an order of the epoch's own, each by a
  /// view drawn for it. The last step of an epoch ends with the validation.
  Result<void> run_step();

  const std::vector<Epoch>& epochs() const { return epochs_; }
  /// The epoch whose weights are kept, counted from 0.
  std::size_t best_epoch() const { return best_epoch_; }
  const Dataset& dataset() const { return dataset_; }

  /// Makes the classifier that of the best epoch; the end of training. It stays the trainer's,
  /// which is not to be moved meanwhile.
  Result<Classifier*> finish();

  /// Logits [validation photos, classes] of the classifier as it is now.
  Result<Tensor> validation_logits() const;

  /// What a checkpoint holds: tensors, and the rest as JSON. `restore` takes that text back; the
  /// tensors' values are the caller's to put back. kCorruptModel for text that is not of a trainer
  /// with as many steps in an epoch.
  std::vector<NamedTensor> state();
  std::string progress() const;
  Result<void> restore(std::string_view progress);

 private:
  Trainer(Classifier classifier, Dataset dataset, const TrainOptions& options)
      : classifier_(std::move(classifier)), dataset_(std::move(dataset)), options_(options) {}

  Result<void> end_epoch();
  Result<void> diverge(const std::string& what);
  Result<Tensor> read(std::span<const std::size_t> photos,
                      const std::function<std::size_t(std::size_t)>& view) const;

  Classifier classifier_;
  std::vector<DenseParameters> best_;
  Dataset dataset_;
  TrainOptions options_;
  std::size_t steps_per_epoch_ = 0;
  std::uint64_t step_ = 0;
  BatchOutcome epoch_outcome_;  // of the steps of this epoch
  std::size_t best_epoch_ = 0;
  bool diverged_ = false;
  std::vector<Epoch> epochs_;
};

}  // namespace gradcam
