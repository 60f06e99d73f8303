#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "gradcam/explain/explain.h"
#include "gradcam/explain/heatmap.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/vgg16/member.h"

namespace gradcam {

/// A VGG16 that several threads run together, each with its share of the weights.
class Team {
 public:
  /// Loads a model for so many workers, 1 to kMaxMembers; each reads its own share of the file.
  static Result<Team> load(const std::filesystem::path& path, std::size_t workers,
                           const LoadOptions& options = {});

  std::size_t workers() const { return members_.size(); }

  /// What the first worker has: with other workers, only its share of the weights, but all the
  /// outputs of the dense layers.
  const Vgg16& model() const { return members_.front().model(); }
  const Activations& activations() const { return members_.front().activations(); }

  /// input: [size, size, 3] as `preprocess` gives it; for `outlook` see Member::begin_forward.
  Result<void> forward(const Tensor& input, const Outlook& outlook = {});

  std::vector<Prediction> predictions() const { return model().predictions(activations()); }
  float others_probability() const { return model().others_probability(activations()); }

  /// A map for each of the classes, after a forward pass of the input. Where the maps take further
  /// ones, the activations are not the input's any more.
  Result<std::vector<Heatmap>> explain(const Method& method, const Tensor& input,
                                       std::span<const std::size_t> classes,
                                       const ExplainOptions& options = {});

 private:
  explicit Team(std::vector<Member> members) : members_(std::move(members)) {}

  Result<std::vector<Heatmap>> explain_at(std::size_t layer, const Method& method,
                                          const Tensor& input, std::span<const std::size_t> classes,
                                          const ExplainOptions& options);
  Result<void> run();

  std::vector<Member> members_;
  bool is_overwritten_ = false;  // the activations, by other passes than the input's
};

}  // namespace gradcam
