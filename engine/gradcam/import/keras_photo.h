#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gradcam/import/foreign.h"
#include "gradcam/import/keras_description.h"
#include "gradcam/import/keras_nodes.h"

namespace gradcam {

/// A channel of what a layer before the convolutions gives: one of the photo's, times a number,
/// plus another.
struct KerasChannel {
  std::size_t of = 0;
  double scale = 1;
  double offset = 0;
};

/// What a layer before the convolutions gives: first of all, the photo.
struct KerasPhoto {
  std::vector<KerasChannel> channels = {{.of = 0}, {.of = 1}, {.of = 2}};
  bool has_axis = true;     ///< of channels, which [..., 2] takes away
  bool is_changed = false;  ///< by a layer that was made for it
  bool is_known = true;     ///< whether numbers are lacking that are among the weights
};

/// Such layers of a model by their names, and those of which that is not known.
struct KerasAdapted {
  std::map<std::string, KerasMoments> known;
  std::vector<std::string> lacking;
};

/// What the layers of a model give that come before the convolutions.
class KerasPhotos {
 public:
  /// photo: what the model is given. Layers that are not in `adapted` are added to it.
  KerasPhotos(const KerasPhoto& photo, KerasAdapted& adapted)
      : photo_(photo), last_(photo), adapted_(&adapted) {}

  /// What a layer is given.
  Result<KerasPhoto> given(const std::string& layer,
                           const std::vector<KerasOperand>& operands) const;

  /// Reads a layer: arithmetic with a number for each channel, another order of channels, or what
  /// does nothing where nothing is trained. kUnsupportedFormat, naming it, for others.
  Result<void> read(const std::string& kind, const std::string& layer,
                    const internal::UntrustedJson& config,
                    const std::vector<KerasOperand>& operands);

  /// What a model among the layers gives.
  void add(const std::string& layer, KerasPhoto photo);

  /// What the last layer gives.
  const KerasPhoto& last() const { return last_; }

 private:
  KerasPhoto photo_;
  KerasPhoto last_;
  KerasAdapted* adapted_;
  std::map<std::string, KerasPhoto> photos_;
};

/// What is done to a photo before the convolutions, if that is known; none if nothing is, and so it
/// is done before the model, as Keras's own VGG16 needs it. layer: which takes it.
Result<std::optional<Preprocess>> preprocess_of(const KerasPhoto& photo, const std::string& layer);

/// Whether a layer of that class does nothing where nothing is trained, wherever it is.
bool is_idle_keras(const std::string& kind);

}  // namespace gradcam
