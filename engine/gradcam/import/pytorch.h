#pragma once

#include "gradcam/import/foreign.h"
#include "gradcam/import/pickle.h"
#include "gradcam/import/window.h"
#include "gradcam/import/zip.h"

namespace gradcam {

/// Reads what `torch.save` writes, since 1.6 an archive: a state_dict of a VGG16 with torchvision's
/// or timm's names, a checkpoint that holds one, or a whole model, of whose modules the settings
/// are looked at, but not how they are put together. Nothing in it is run.
///
/// kUnsupportedFormat, naming it, for a layer that VGG16 has not; kCorruptModel for what is damaged
/// or holds no VGG16. So does the other.
Result<ForeignVgg16> read_pytorch_archive(Window& window, const ZipDirectory& archive,
                                          KnownPickles& known);

/// The same of the files before, which still are the official ones.
Result<ForeignVgg16> read_pytorch_legacy(Window& window, KnownPickles& known);

/// How the name of the entry ends that says what is in an archive.
inline constexpr std::string_view kPyTorchPickle = "data.pkl";

}  // namespace gradcam
