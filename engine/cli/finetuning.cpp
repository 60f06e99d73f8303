#include "cli/finetuning.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "cli/checkpoint.h"
#include "cli/feature_cache.h"
#include "cli/files.h"
#include "cli/import.h"
#include "cli/terminal.h"
#include "cli/threads.h"
#include "gradcam/train/curves.h"
#include "gradcam/train/finetuned_file.h"
#include "gradcam/weights/fingerprint.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

template <typename Float>
std::string shortest(Float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// What the options come to.
struct Plan {
  bool whole_classifier = false;
  ClassifierOptions classifier;
  TrainOptions training;
  std::size_t threads = 1;
  fs::path checkpoint;
  fs::path curves;
  fs::path cache;
};

Result<Plan> make_plan(const FinetuneOptions& options) {
  Plan plan;
  plan.whole_classifier = options.train == "classifier";
  if (plan.whole_classifier && options.head_only) {
    return fail(ErrorCode::kInvalidArgument, "--head-only goes with --train head");
  }
  std::string optimizer = options.optimizer;
  if (optimizer.empty()) optimizer = plan.whole_classifier ? "sgd" : "adam";
  if (options.momentum && optimizer != "sgd") {
    return fail(ErrorCode::kInvalidArgument, "--momentum goes with --optimizer sgd");
  }
  if (options.dropout && !plan.whole_classifier) {
    return fail(ErrorCode::kInvalidArgument, "--dropout goes with --train classifier");
  }
  plan.classifier = {
      .optimizer = {.algorithm = optimizer == "sgd" ? Algorithm::kSgd : Algorithm::kAdam,
                    .weight_decay = static_cast<float>(
                        options.weight_decay.value_or(plan.whole_classifier ? 5e-4 : 1e-4)),
                    .momentum = static_cast<float>(options.momentum.value_or(0.9))},
      .dropout = plan.whole_classifier ? static_cast<float>(options.dropout.value_or(0.5)) : 0.0f,
      .seed = options.seed};
  plan.training = {.learning_rate = options.learning_rate.value_or(1e-3),
                   .epochs = options.epochs,
                   .batch = options.batch,
                   .patience = options.patience,
                   .seed = options.seed};
  plan.threads = options.threads > 0 ? options.threads : processors();
  plan.checkpoint = options.out;
  plan.checkpoint += ".checkpoint";
  plan.curves = options.out;
  plan.curves += ".svg";
  plan.cache = options.cache.empty() ? default_feature_cache() : options.cache;
  if (plan.cache.empty()) {
    return fail(ErrorCode::kInvalidArgument, "name a folder for features with --cache");
  }
  std::error_code error;
  const fs::path cache = fs::weakly_canonical(plan.cache, error);
  if (cache.parent_path() == fs::weakly_canonical(options.folder, error)) {
    return fail(ErrorCode::kInvalidArgument,
                plan.cache.string() +
                    " lies beside the folders of the classes, and would be taken "
                    "for one of them; choose another --cache");
  }
  if (fs::equivalent(options.model, options.out, error)) {
    return fail(ErrorCode::kInvalidArgument,
                options.out.string() + " is the base model; the new one needs a file of its own");
  }
  if (fs::exists(plan.curves, error) && !is_curves(plan.curves)) {
    return fail(ErrorCode::kInvalidArgument,
                plan.curves.string() +
                    " is there, and was not written by gradcam: the curves of "
                    "the training would replace it. Choose another --out");
  }
  return plan;
}

/// A base model.
struct Base {
  std::optional<NewFile> imported;
  ModelFile file;  ///< of safetensors: what is not trained is copied from it
  std::optional<Vgg16> network;
};

/// Loads the base. Of a file of Keras, PyTorch or ONNX the safetensors file that it becomes is
/// beside the new model, and goes with this.
Result<Base> load_base(const FinetuneOptions& options, const std::function<bool()>& interrupted) {
  std::optional<NewFile> imported;
  fs::path path = options.model;
  if (is_foreign_model(path)) {
    auto created = NewFile::create(options.out, 0);
    if (!created) return std::unexpected(created.error());
    imported.emplace(*std::move(created));
    const auto write = [&](std::span<const std::uint8_t> bytes, std::uint64_t) -> Result<void> {
      if (interrupted()) return fail(ErrorCode::kCancelled, "it was interrupted while it was read");
      return imported->write(bytes);
    };
    GRADCAM_CHECK_OK(of_file(options.model, import_model(path, options.out, write)));
    GRADCAM_TRY(path, imported->written());
  }
  GRADCAM_TRY(ModelFile file, of_file(options.model, ModelFile::open(path)));
  GRADCAM_TRY(Vgg16 network, of_file(options.model, load_model(path)));
  // Where a file that is open can lose its name, nothing is left even by a program that is killed.
  std::error_code ignored;
  if (imported) fs::remove(path, ignored);
  return Base{std::move(imported), std::move(file), std::move(network)};
}

/// What a checkpoint must agree with, besides the photos.
CheckpointIdentity identity_of(const FinetuneOptions& options, const Plan& plan,
                               std::uint64_t weights, const Preprocess& preprocess) {
  const OptimizerOptions& optimizer = plan.classifier.optimizer;
  const bool is_sgd = optimizer.algorithm == Algorithm::kSgd;
  return {{"base model", std::to_string(weights)},
          {"preprocessing", to_json(preprocess)},
          {"--train", options.train},
          {"--optimizer", is_sgd ? "sgd" : "adam"},
          {"--learning-rate", shortest(plan.training.learning_rate)},
          {"--weight-decay", shortest(optimizer.weight_decay)},
          {"--momentum", is_sgd ? shortest(optimizer.momentum) : "of no use"},
          {"--dropout", shortest(plan.classifier.dropout)},
          {"--validation", shortest(options.validation)},
          {"--epochs", std::to_string(options.epochs)},
          {"--batch", std::to_string(options.batch)},
          {"--patience", std::to_string(options.patience)},
          {"--views", std::to_string(options.views)},
          {"--seed", std::to_string(options.seed)}};
}

std::string identity_of(const ClassPhotos& photos) {
  Fingerprint all;
  for (const std::string& label : photos.labels) all.add(label);
  for (const ClassPhoto& photo : photos.photos) {
    all.add(std::uint64_t{photo.label});
    all.add(photo.content);
  }
  return all.hex();
}

/// The layers to train: the base's fc1 and fc2 if they are among them, and a new last one.
Result<std::vector<DenseParameters>> make_layers(const Vgg16& base, std::size_t classes,
                                                 const Plan& plan) {
  std::vector<DenseParameters> layers;
  if (plan.whole_classifier) {
    for (const auto& [name, dense] : {std::pair<const char*, const Dense*>{"fc1", &base.fc1()},
                                      std::pair<const char*, const Dense*>{"fc2", &base.fc2()}}) {
      DenseParameters layer{.name = name, .weight = {}, .bias = {}};
      GRADCAM_TRY(layer.weight, dense->weight());
      GRADCAM_TRY(layer.bias, dense->bias().clone());
      layers.push_back(std::move(layer));
    }
  }
  GRADCAM_TRY(DenseParameters head, new_head(classes, base.fc2().outputs(), plan.training.seed));
  layers.push_back(std::move(head));
  return layers;
}

/// The dataset of the trainer. Features stay in memory if they are few; else they are read from
/// the cache, batch by batch.
Result<Dataset> make_dataset(const ClassPhotos& photos, const FeatureCache& cache, const Plan& plan,
                             double validation) {
  Dataset dataset;
  dataset.views = cache.views();
  std::vector<std::uint64_t> contents;
  for (const ClassPhoto& photo : photos.photos) {
    dataset.labels.push_back(photo.label);
    contents.push_back(photo.content);
  }
  GRADCAM_CHECK_OK(split_dataset(dataset, validation, plan.training.seed));
  constexpr std::size_t kInMemory = std::size_t{1} << 27;  // values: 512 MiB
  const std::size_t width = cache.width();
  if (contents.size() * cache.views() * width > kInMemory) {
    dataset.read = [cache, contents](std::size_t photo, std::size_t view,
                                     std::span<float> features) {
      return cache.read(contents[photo], view, features);
    };
    return dataset;
  }
  GRADCAM_TRY(Tensor all, Tensor::zeros({contents.size(), cache.views(), width}));
  for (std::size_t i = 0; i < contents.size(); ++i) {
    for (std::size_t view = 0; view < cache.views(); ++view) {
      const auto target = all.values().subspan((i * cache.views() + view) * width, width);
      GRADCAM_CHECK_OK(cache.read(contents[i], view, target));
    }
  }
  dataset.read = [features = std::make_shared<const Tensor>(std::move(all)), width](
                     std::size_t photo, std::size_t view, std::span<float> out) -> Result<void> {
    std::ranges::copy(features->values().subspan((photo * features->dim(1) + view) * width, width),
                      out.begin());
    return {};
  };
  return dataset;
}

void print_epoch(const Trainer& trainer) {
  const Epoch& e = trainer.epochs().back();
  const std::size_t number = trainer.epochs().size();
  std::printf("  %5zu  %10.4f  %8.1f %%  %10.4f  %8.1f %%  %s\n", number, e.train_loss,
              e.train_accuracy * 100, e.validation_loss, e.validation_accuracy * 100,
              trainer.best_epoch() + 1 == number ? "*" : "");
  std::fflush(stdout);
}

/// Trains until the end; false if it was interrupted.
Result<bool> run_training(Trainer& trainer, const std::function<bool()>& interrupted) {
  std::printf("  epoch  train loss  accuracy    validation  accuracy    best\n");
  while (!trainer.finished()) {
    if (interrupted()) return false;
    const std::size_t before = trainer.epochs().size();
    GRADCAM_CHECK_OK(trainer.run_step());
    if (trainer.epochs().size() > before) {
      clear_progress();
      print_epoch(trainer);
    } else {
      show_progress(static_cast<std::size_t>(trainer.step() % trainer.steps_per_epoch()),
                    trainer.steps_per_epoch(), "steps");
    }
  }
  return true;
}

/// Writes the new model's file: what is not trained comes from the base, byte for byte.
Result<void> write_model(ModelFile& base, const FinetunedFile& plan, NewFile& out) {
  const auto header = serialize_safetensors_header(plan.header.tensors, plan.header.metadata);
  GRADCAM_CHECK_OK(out.write(header));
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    const TensorSource& source = plan.sources[i];
    if (source.trained != nullptr) {
      const std::size_t rows = source.is_bias ? 1 : source.trained->bias.size();
      for (std::size_t row = 0; row < rows; ++row) {
        const std::vector<float> values = finetuned_row(plan, i, row);
        GRADCAM_CHECK_OK(out.write(
            {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)}));
      }
      continue;
    }
    const TensorInfo& info = base.header().tensors[source.base];
    const std::uint64_t data = base.header().data_offset;
    const auto copy = [&](std::span<const std::uint8_t> bytes) { return out.write(bytes); };
    GRADCAM_CHECK_OK(base.read_pieces({data + info.begin, data + info.end}, 1, copy));
  }
  return out.commit();
}

/// Rows are the true classes, columns what they were taken for.
void print_confusion(const Tensor& logits, std::span<const std::size_t> truths,
                     const std::vector<std::string>& labels) {
  const std::size_t classes = labels.size();
  std::vector<std::size_t> counts(classes * classes);
  for (std::size_t i = 0; i < truths.size(); ++i) {
    const auto row = logits.values().subspan(i * classes, classes);
    const auto best = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
    ++counts[truths[i] * classes + best];
  }
  std::printf("\nvalidation photos of each class (row) and what they were taken for (column):\n");
  constexpr std::size_t kFits = 24;
  std::printf("  %-28s", "");
  for (std::size_t c = 0; c < std::min(classes, kFits); ++c) std::printf(" %4zu", c + 1);
  std::printf("\n");
  for (std::size_t row = 0; row < classes; ++row) {
    std::printf("  %3zu %-24s", row + 1, labels[row].c_str());
    if (classes <= kFits) {
      for (std::size_t column = 0; column < classes; ++column) {
        const std::size_t count = counts[row * classes + column];
        std::printf(count == 0 ? "    ." : " %4zu", count);
      }
    } else {  // too many for a table: the right ones and the most frequent mistakes
      std::printf(" %zu right", counts[row * classes + row]);
      for (std::size_t column = 0; column < classes; ++column) {
        const std::size_t count = counts[row * classes + column];
        if (column != row && count > 0) std::printf(", %s %zu", labels[column].c_str(), count);
      }
    }
    std::printf("\n");
  }
}

Result<ClassPhotos> find_photos(const FinetuneOptions& options, const Plan& plan) {
  GRADCAM_TRY(ClassPhotos photos, find_class_photos(options.folder, plan.threads));
  GRADCAM_CHECK_OK(check_labels(photos.labels));
  GRADCAM_CHECK_OK(check_class_sizes(photos));
  std::printf("%s of %zu classes", counted(photos.photos.size(), "photo").c_str(),
              photos.labels.size());
  if (photos.duplicates > 0) {
    std::printf(", %s left out", counted(photos.duplicates, "duplicate").c_str());
  }
  std::printf("\n");
  std::fflush(stdout);
  return photos;
}

/// About how many bytes the new model's file takes: fc1 and fc2 are float32 once they are trained.
Result<std::uint64_t> size_of_result(const ModelFile& base, const FinetuneOptions& options,
                                     const Plan& plan) {
  if (options.head_only) return 0;
  std::uint64_t size = base.size();
  if (!plan.whole_classifier) return size;
  GRADCAM_TRY(const WeightMap map, map_names(base.header()));
  for (const std::size_t layer : {kFc1, kFc2}) {
    const LayerWeights& weights = map.layers[layer];
    const TensorInfo& stored = base.header().tensors[weights.weight];
    GRADCAM_TRY(const std::size_t count, element_count(weights.shape));
    size += count * sizeof(float) - (stored.end - stored.begin);
  }
  return size;
}

/// A run of fine-tuning.
struct Run {
  const FinetuneOptions& options;
  const std::function<bool()>& interrupted;
  Plan plan;
  Base base;
  ModelInfo base_info;
  NewFile out;
  CheckpointIdentity identity;
  FeatureCache cache;
  FinetuneReport report;
};

/// All that can be found out before photos are read.
Result<Run> begin(const FinetuneOptions& options, const std::function<bool()>& interrupted) {
  GRADCAM_TRY(Plan plan, make_plan(options));
  GRADCAM_TRY(Base base, load_base(options, interrupted));
  // Now, not after the training, is the time to find out that it cannot be written.
  GRADCAM_TRY(const std::uint64_t size, size_of_result(base.file, options, plan));
  GRADCAM_TRY(NewFile out, NewFile::create(options.out, size));
  const ModelInfo base_info = base.network->info();
  // ModelInfo's fingerprint has only some rows of them.
  GRADCAM_TRY(const auto weights, of_file(options.model, base.file.fingerprint()));
  CheckpointIdentity identity = identity_of(options, plan, weights, base_info.preprocess);
  std::error_code error;
  if (options.resume) {
    GRADCAM_CHECK_OK(check_checkpoint(plan.checkpoint, identity));
  } else if (fs::exists(plan.checkpoint, error)) {
    return fail(
        ErrorCode::kInvalidArgument,
        plan.checkpoint.string() +
            " is there, of a training that was interrupted: --resume continues it; to begin "
            "anew, delete it or choose another --out");
  }
  FeatureCache cache(plan.cache, weights, base_info,
                     plan.whole_classifier ? FeatureLayer::kBlock5Pool : FeatureLayer::kFc2,
                     options.views);
  return Run{.options = options,
             .interrupted = interrupted,
             .plan = std::move(plan),
             .base = std::move(base),
             .base_info = base_info,
             .out = std::move(out),
             .identity = std::move(identity),
             .cache = std::move(cache),
             .report = {}};
}

/// Finds the photos and computes their features. False if it was interrupted.
Result<bool> gather(Run& run, ClassPhotos& photos) {
  GRADCAM_TRY(photos, find_photos(run.options, run.plan));
  GRADCAM_TRY(const FeatureCache::Outcome outcome,
              run.cache.fill(*run.base.network, photos, run.plan.threads, run.interrupted));
  run.report.skipped = photos.unreadable;
  if (run.interrupted()) {
    clear_progress();
    std::printf("interrupted; the features of %s are kept in %s for the next run\n",
                counted(outcome.computed + outcome.cached, "photo").c_str(),
                printable(run.cache.folder().string()).c_str());
    return false;
  }
  std::printf("features: %s computed, %zu from the cache, %.1f s (%s)\n",
              counted(outcome.computed, "photo").c_str(), outcome.cached, outcome.seconds,
              printable(run.cache.folder().string()).c_str());
  if (photos.unreadable > 0) {
    std::printf("%s cannot be read\n", counted(photos.unreadable, "photo").c_str());
  }
  std::fflush(stdout);
  GRADCAM_CHECK_OK(check_class_sizes(photos));
  run.identity["set of photos"] = identity_of(photos);
  if (run.options.resume) GRADCAM_CHECK_OK(check_checkpoint(run.plan.checkpoint, run.identity));
  return true;
}

/// A trainer at its beginning, or where a checkpoint left it. Frees the base's network.
Result<Trainer> make_trainer(Run& run, const ClassPhotos& photos) {
  const Plan& plan = run.plan;
  GRADCAM_TRY(std::vector<DenseParameters> layers,
              make_layers(*run.base.network, photos.labels.size(), plan));
  run.base.network.reset();  // its memory is needed for training
  const Parallel parallel = [threads = plan.threads](std::size_t count,
                                                     const std::function<void(std::size_t)>& task) {
    run_in_threads(threads, count, task);
  };
  GRADCAM_TRY(Classifier classifier,
              Classifier::create(std::move(layers), plan.classifier, parallel));
  GRADCAM_TRY(Dataset dataset, make_dataset(photos, run.cache, plan, run.options.validation));
  std::printf("training on %zu photos in %zu views, validating by %zu\n", dataset.train.size(),
              dataset.views, dataset.validation.size());
  GRADCAM_TRY(Trainer trainer,
              Trainer::create(std::move(classifier), std::move(dataset), plan.training));
  if (run.options.resume) {
    GRADCAM_CHECK_OK(read_checkpoint(plan.checkpoint, trainer));
    std::printf("continuing after step %zu of epoch %zu\n",
                static_cast<std::size_t>(trainer.step() % trainer.steps_per_epoch()),
                trainer.epochs().size() + 1);
  }
  return trainer;
}

/// Trains to the end. False if it was interrupted: then there is a checkpoint.
Result<bool> train(Run& run, Trainer& trainer) {
  GRADCAM_TRY(const bool complete, run_training(trainer, run.interrupted));
  FinetuneReport& report = run.report;
  report.epochs = trainer.epochs();
  report.best_epoch = trainer.best_epoch();
  report.diverged = trainer.diverged();
  if (report.diverged) {
    complain("the loss is not finite any more in epoch " +
             std::to_string(report.epochs.size() + 1) +
             ": the training ends there, with the best epoch before; a smaller --learning-rate may "
             "help");
  }
  if (complete) return true;
  GRADCAM_CHECK_OK(write_checkpoint(run.plan.checkpoint, trainer, run.identity));
  clear_progress();
  std::printf("interrupted; %s is continued by the same command with --resume\n",
              printable(run.plan.checkpoint.string()).c_str());
  return false;
}

/// Writes the model, or the head, and its curves.
Result<void> write_result(Run& run, const ClassPhotos& photos, Trainer& trainer) {
  const FinetuneOptions& options = run.options;
  const ModelInfo& base_info = run.base_info;
  FinetuneReport& report = run.report;
  NewFile out = std::move(run.out);  // what there is of it makes room if it cannot be written
  GRADCAM_TRY(Classifier * classifier, trainer.finish());
  GRADCAM_TRY(const Tensor logits, trainer.validation_logits());
  std::vector<std::size_t> truths;
  for (const std::size_t photo : trainer.dataset().validation) {
    truths.push_back(trainer.dataset().labels[photo]);
  }
  report.temperature = fit_temperature(logits, truths);

  ModelMetadata metadata = base_info.metadata;
  metadata.labels = photos.labels;
  metadata.others.clear();  // the new last layer was not shown any
  metadata.temperature = report.temperature;
  metadata.unsure_below = ModelMetadata().unsure_below;
  metadata.preprocess = to_json(base_info.preprocess);
  metadata.source = "fine-tuned by gradcam (" + options.train + ") from " +
                    (metadata.source.empty() ? options.model.filename().string() : metadata.source);
  const std::vector<DenseParameters*> parameters = classifier->parameters();
  if (options.head_only) {
    metadata.preprocess.clear();  // it is the base's
    GRADCAM_TRY(Tensor weight, parameters.back()->weight.clone());
    GRADCAM_TRY(Tensor bias, parameters.back()->bias.clone());
    const Head head{.base = base_info.fingerprint,
                    .metadata = std::move(metadata),
                    .weight = std::move(weight),
                    .bias = std::move(bias)};
    GRADCAM_TRY(const std::vector<std::uint8_t> bytes, serialize_head(head));
    GRADCAM_CHECK_OK(out.write(bytes));
    GRADCAM_CHECK_OK(out.commit());
  } else {
    const std::vector<const DenseParameters*> trained(parameters.begin(), parameters.end());
    GRADCAM_TRY(const FinetunedFile file,
                plan_finetuned_file(run.base.file.header(), trained, metadata));
    GRADCAM_CHECK_OK(write_model(run.base.file, file, out));
  }
  const std::string svg = draw_curves(report.epochs, report.best_epoch);
  const auto curves =
      write_file(run.plan.curves, {reinterpret_cast<const std::uint8_t*>(svg.data()), svg.size()});
  report.has_curves = curves.has_value();
  if (!curves) complain(curves.error().message);
  std::error_code ignored;
  fs::remove(run.plan.checkpoint, ignored);
  print_confusion(logits, truths, photos.labels);
  return {};
}

/// Writes what was learnt; if that fails, a checkpoint.
Result<void> finish(Run& run, const ClassPhotos& photos, Trainer& trainer, double seconds) {
  const fs::path& checkpoint = run.plan.checkpoint;
  if (const auto written = write_result(run, photos, trainer); !written) {
    const auto kept = write_checkpoint(checkpoint, trainer, run.identity);
    return fail(written.error().code,
                written.error().message + "; " +
                    (kept ? checkpoint.string() +
                                " has all that was learnt, and the same command with --resume "
                                "writes the model"
                          : "what was learnt is lost, too: " + kept.error().message));
  }
  const FinetuneReport& report = run.report;
  const Epoch& best = report.epochs[report.best_epoch];
  std::printf(
      "\nbest epoch %zu of %zu: %.1f %% of the validation photos right, loss %.4f; temperature "
      "%.3f\n(the epoch was chosen by these photos: others, in gradcam evaluate, say "
      "more)\ntrained in %.1f s; wrote %s%s\n",
      report.best_epoch + 1, report.epochs.size(), best.validation_accuracy * 100,
      best.validation_loss, double{report.temperature}, seconds,
      printable(run.options.out.string()).c_str(),
      report.has_curves ? (" and " + printable(run.plan.curves.string())).c_str() : "");
  return {};
}

}  // namespace

Result<FinetuneReport> finetune(const FinetuneOptions& options,
                                const std::function<bool()>& interrupted) {
  GRADCAM_TRY(Run run, begin(options, interrupted));
  ClassPhotos photos;
  GRADCAM_TRY(const bool gathered, gather(run, photos));
  run.report.interrupted = !gathered;
  if (!gathered) return std::move(run.report);
  GRADCAM_TRY(Trainer trainer, make_trainer(run, photos));
  const auto start = std::chrono::steady_clock::now();
  GRADCAM_TRY(const bool complete, train(run, trainer));
  run.report.interrupted = !complete;
  if (complete) GRADCAM_CHECK_OK(finish(run, photos, trainer, seconds_since(start)));
  return std::move(run.report);
}

}  // namespace gradcam
