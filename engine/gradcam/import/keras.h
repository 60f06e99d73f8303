#pragma once

#include "gradcam/import/foreign.h"
#include "gradcam/import/window.h"
#include "gradcam/import/zip.h"

namespace gradcam {

/// Reads what Keras writes as HDF5: weights (`save_weights`, the official files) or a model
/// (`model.save("dogs.h5")`), whose description says more of its top.
///
/// kUnsupportedFormat, naming it, for a layer that VGG16 has not and that cannot be done without;
/// kCorruptModel for what is damaged or no network of Keras. So does the other.
Result<ForeignVgg16> read_keras_hdf5(Window& window);

/// Reads the archive that Keras 3 writes (`model.save("dogs.keras")`).
Result<ForeignVgg16> read_keras_archive(Window& window, const ZipDirectory& archive);

/// The entry of the archive that has the weights.
inline constexpr std::string_view kKerasWeights = "model.weights.h5";

}  // namespace gradcam
