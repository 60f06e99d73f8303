#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gradcam/tensor/tensor.h"
#include "gradcam/train/classifier.h"

namespace gradcam {

/// Photos of the classes to be learnt, as the frozen part of the network sees them.
struct Lesson {
  /// [photos, views, width]: what the last layer takes, Activations::fc2; view 0 as the model sees
  /// the photo.
  Tensor features;
  std::vector<std::size_t> labels;  ///< of each photo; each class from 0 on needs two photos
  std::uint64_t seed = 1;           ///< of which photos are left out together, if there are many
};

/// A photo that was not recognised, and the class that it was taken for.
struct Mistake {
  std::size_t photo = 0;
  std::size_t taken_for = 0;
};

/// How well photos were told apart by heads that had not been trained on them.
struct LeftOut {
  std::size_t groups = 0;         ///< as many as photos if they are left out one by one
  std::size_t done = 0;           ///< photos that have been left out
  std::vector<Mistake> mistakes;  ///< among those
};

/// Trains a last layer on so few photos that none can be spared to validate by: on all of them, for
/// a fixed number of steps, and then, to know how good that is, once more for each photo (of more
/// than 50, for each tenth of them) without it.
///
/// The features are shifted and scaled, so that they have mean 0 and mean square length 1, which
/// is taken back in the weights at the end. Weight decay keeps the weights of classes that are
/// easily told apart from growing on and on. The same lesson gives the same bits.
class Teacher {
 public:
  /// kInvalidArgument for fewer than two classes, a class of fewer than two photos, shapes that do
  /// not fit, or values that are not finite.
  static Result<Teacher> create(Lesson lesson);

  /// Steps of a training, and how many trainings there are in all.
  static std::size_t steps();
  std::size_t trainings() const { return 1 + left_out_.groups; }

  /// Trains by one step on all photos but those left out; the first training leaves out none.
  Result<void> step();
  bool finished() const { return training_ == trainings(); }

  /// Of the first training, after each step: the mean cross-entropy.
  std::span<const double> losses() const { return losses_; }
  const LeftOut& left_out() const { return left_out_; }

  /// The head of the first training, for features as they were given; after that training.
  Result<DenseParameters> head() const;

  /// By what to divide its logits, for probabilities that those of photos left out confirm; once
  /// finished.
  float temperature() const;

 private:
  Teacher() = default;

  std::size_t photos() const { return labels_.size(); }
  Result<void> begin_training();
  Result<void> end_training();
  bool is_left_out(std::size_t photo) const;

  Tensor features_;  // [photos * views, width], shifted and scaled
  std::vector<float> mean_;
  float scale_ = 1;
  std::size_t views_ = 1;
  std::size_t classes_ = 0;
  std::vector<std::size_t> labels_;
  std::vector<std::size_t> groups_;  // of each photo

  std::size_t training_ = 0;  // 0: on all photos; i + 1: without group i
  std::size_t step_ = 0;
  std::unique_ptr<Classifier> classifier_;  // of the present training
  Tensor batch_;
  std::vector<std::size_t> batch_labels_;

  std::vector<double> losses_;
  DenseParameters head_;
  LeftOut left_out_;
  Tensor left_out_logits_;  // [photos, classes]
};

}  // namespace gradcam
