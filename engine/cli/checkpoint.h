#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "gradcam/train/trainer.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// What a checkpoint belongs to: by what is said of it in a message, what it is.
using CheckpointIdentity = std::map<std::string, std::string>;

/// Writes a trainer's state beside `path` and moves it there when it is complete.
Result<void> write_checkpoint(const std::filesystem::path& path, Trainer& trainer,
                              const CheckpointIdentity& identity);

/// Checks that a checkpoint is of that identity, without reading more than its header. Keys that
/// are not in `identity` are not compared; the error has all that differ.
Result<void> check_checkpoint(const std::filesystem::path& path,
                              const CheckpointIdentity& identity);

/// Puts a trainer into the state that a checkpoint has of it.
Result<void> read_checkpoint(const std::filesystem::path& path, Trainer& trainer);

}  // namespace gradcam
