#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gradcam/tensor/error.h"
#include "gradcam/train/trainer.h"

namespace gradcam {

struct FinetuneOptions {
  std::filesystem::path folder;
  std::filesystem::path model;
  std::filesystem::path out;
  std::string train = "head";
  std::string optimizer;  ///< empty: what suits `train`
  std::optional<double> learning_rate;
  std::optional<double> weight_decay;
  std::optional<double> momentum;
  std::optional<double> dropout;
  double validation = 0.2;
  std::size_t epochs = 40;
  std::size_t batch = 32;
  std::size_t patience = 10;
  std::size_t views = 2;
  std::uint64_t seed = 1;
  std::size_t threads = 0;  ///< 0: as many as the machine has
  std::filesystem::path cache;
  bool resume = false;
  bool head_only = false;  ///< write a head file instead of a whole model
};

struct FinetuneReport {
  std::size_t skipped = 0;   ///< photos left out because they could not be read
  bool interrupted = false;  ///< then there is no model, but perhaps a checkpoint
  bool diverged = false;     ///< the training went astray after the best epoch
  bool has_curves = false;   ///< whether their picture could be written
  std::vector<Epoch> epochs;
  std::size_t best_epoch = 0;
  float temperature = 1;
};

/// Trains new last layers of a model file, be it safetensors or of another program, and writes the
/// model, its curves (<out>.svg) and, if interrupted between two steps or if the model cannot be
/// written, <out>.checkpoint. Says on standard output and standard error what it does.
Result<FinetuneReport> finetune(const FinetuneOptions& options,
                                const std::function<bool()>& interrupted);

}  // namespace gradcam
