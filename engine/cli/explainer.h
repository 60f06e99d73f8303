#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/team.h"
#include "gradcam/explain/explain.h"
#include "gradcam/explain/methods.h"
#include "gradcam/image/colormap.h"
#include "gradcam/image/image.h"
#include "gradcam/image/overlay.h"

namespace gradcam {

/// `gradcam explain` as it was called.
struct ExplainCommand {
  std::vector<std::string> inputs;
  bool null_ends = false;  ///< names on standard input end with a NUL, not with a line
  std::filesystem::path model;
  std::filesystem::path head;
  std::string classes = "top";
  std::size_t top = 5;
  std::vector<std::string> methods = {"gradcam"};
  std::vector<std::string> layers = {"block5_conv3"};
  std::vector<std::string> smooth;
  std::vector<double> crop;  ///< x, y, width, height; empty for the model's own
  bool closer = false;       ///< looks again, at what was warm
  std::string channels;      ///< empty: as many as are usual
  std::filesystem::path out;
  std::string colormap = std::string(kDefaultColormap);
  std::string convolution;
  std::size_t workers = 1;
  std::size_t threads = 0;  ///< 0: as many as keep the processors busy
  float alpha = 0.5f;
  float threshold = 0;
  bool json = false;
};

/// What is known about a class of a photo, by a method.
struct ClassMap {
  std::size_t index = 0;   ///< of the class
  std::size_t method = 0;  ///< of those that were asked for
  Heatmap heatmap;
  std::vector<std::uint8_t> png;  ///< the overlay, until it is saved; see Explanation::image
  std::string overlay;            ///< the file it was saved in
};

/// What is known about a photo when it is done.
struct Explanation {
  int width = 0;
  int height = 0;
  std::vector<Prediction> predictions;
  float others = 0;            ///< the probability that it is none of the classes
  std::vector<ClassMap> maps;  ///< by each method, of each of the classes: at least one
  Box crop;
  double decode_ms = 0;
  double forward_ms = 0;
  double backward_ms = 0;
  std::string software;  ///< that the overlays name
  Image image;           ///< the photo, if there are overlays that have not been painted yet
};

/// The model, and everything that stays the same from photo to photo.
class Explainer {
 public:
  static Result<Explainer> create(const ExplainCommand& command);

  const ModelInfo& info() const { return team_.model().info(); }
  const std::vector<Method>& methods() const { return methods_; }
  const std::vector<std::size_t>& layers() const { return how_.layers; }

  /// Whether maps by several methods, or of several classes, were asked for, though there may be
  /// but one class.
  bool has_several_maps() const {
    return methods_.size() > 1 || classes_.size() > 1 || classes_.front().most_probable > 1;
  }

  /// Decodes a photo, looks at it and paints the overlays, or the first of very many. Several
  /// threads may do so at once.
  Result<Explanation> explain(const std::filesystem::path& photo);

  /// Writes the overlays: DIR/<stem>.<class>.png, of several methods <stem>.<class>.<method>.png;
  /// or <stem>-2.<class>.png if that one has been written already, or is there and no overlay of
  /// this photo. One thread at a time.
  Result<void> save(const std::filesystem::path& photo, Explanation& explanation);

 private:
  /// What threads share; not to be moved while they run.
  struct Shared {
    std::mutex mutex;
    std::vector<Activations> idle;  // of a model in one piece
    std::mutex team;                // held by who lets the team run
  };

  Explainer(const ExplainCommand& command, Team team, std::vector<Method> methods,
            Colormap colormap)
      : command_(command),
        team_(std::move(team)),
        methods_(std::move(methods)),
        colormap_(colormap) {}

  /// What one of the names in --class stands for: a class, or the most probable ones.
  struct ClassChoice {
    std::optional<std::size_t> index = std::nullopt;
    std::size_t most_probable = 0;  ///< so many
  };

  Result<std::size_t> find_class(const std::string& name) const;
  Result<ClassChoice> find_choice(const std::string& name) const;
  Result<std::vector<ClassChoice>> find_choices(const std::string& names) const;
  std::vector<std::size_t> classes_of(const std::vector<Prediction>& predictions) const;
  Box crop_of(const Image& image) const;
  Result<void> look_at(const Image& image, const Box& crop, Explanation& explanation);
  Result<void> look(const Tensor& input, Explanation& explanation);
  template <class Network>
  Result<void> look_by(Network& network, const Tensor& input, Explanation& explanation);
  Result<Activations> take_activations();
  Result<void> paint(const Image& image, const Explanation& explanation, ClassMap& map) const;
  Result<void> save(const std::filesystem::path& photo, const std::string& software, ClassMap& map);

  ExplainCommand command_;
  Team team_;
  std::vector<Method> methods_;
  ExplainOptions how_;
  Colormap colormap_;
  std::vector<ClassChoice> classes_;
  std::set<std::string> written_;
  std::map<std::string, int> copies_;  // the last number of a name
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
};

}  // namespace gradcam
