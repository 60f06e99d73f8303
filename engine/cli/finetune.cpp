#include <memory>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/finetuning.h"
#include "cli/interrupt.h"

namespace gradcam {
void add_finetune(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<FinetuneOptions>();
  CLI::App* command = app.add_subcommand(
      "finetune", "Teach a model other classes: train new last layers on a folder of photos.");
  add_path_option(*command, "folder", options->folder,
                  "A folder with a folder of photos for each class")
      ->required();
  add_model_option(*command, options->model);
  add_path_option(*command, "--out", options->out, "The file of the new model")->required();
  command
      ->add_option("--train", options->train,
                   "What to train: the last layer (head), or fc1, fc2 and the last (classifier)")
      ->transform(one_of({"head", "classifier"}))
      ->capture_default_str();
  command->add_option("--epochs", options->epochs, "The most epochs to train")
      ->check(between(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--patience", options->patience,
                   "Epochs without a smaller validation loss before it stops")
      ->check(between(1, 100000))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "Photos of a step")
      ->check(between(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--optimizer", options->optimizer,
                   "sgd or adam (default: adam for a head, sgd for a classifier)")
      ->transform(one_of({"sgd", "adam"}));
  command
      ->add_option("--learning-rate", options->learning_rate,
                   "At the beginning; falls to 0 along a cosine (default: 0.001)")
      ->check(above_zero());
  command
      ->add_option("--weight-decay", options->weight_decay,
                   "(default: 0.0001 for a head, 0.0005 for a classifier)")
      ->check(between(0.0, 1.0));
  command->add_option("--momentum", options->momentum, "Of sgd (default: 0.9)")
      ->check(between(0.0, 0.9999));
  command
      ->add_option("--dropout", options->dropout,
                   "Of fc1 and fc2, when they are trained (default: 0.5)")
      ->check(between(0.0, 0.99));
  command
      ->add_option("--views", options->views,
                   "Of each photo: 1 itself, 2 its mirror image too, 3 to 6 corners too")
      ->check(between(1, 6))
      ->capture_default_str();
  command->add_option("--validation", options->validation, "The share of photos to stop by")
      ->check(between(0.01, 0.9))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Of all that is random")->capture_default_str();
  command->add_option("--threads", options->threads, "(default: as many as the machine has)")
      ->check(between(1, 256));
  add_path_option(
      *command, "--cache", options->cache,
      "A folder to keep features in (default: gradcam.cpp/features in the user's cache folder, "
      "as ~/.cache)");
  command->add_flag("--resume", options->resume,
                    "Go on from <out>.checkpoint, which Ctrl-C leaves");
  command->add_flag("--head-only", options->head_only,
                    "Write only the last layer, a small file for gradcam explain --head");
  command->footer(
      "The result does not depend on the number of threads. Next to it, <out>.svg shows the "
      "curves.");
  command->callback([options, &exit_code] {
    const auto model = find_model(options->model);
    if (!model) {
      exit_code = report_failure(model.error());
      return;
    }
    options->model = model->string();
    catch_interrupt();
    const auto report = finetune(*options, is_interrupted);
    if (!report) {
      exit_code = report_failure(report.error());
    } else if (report->interrupted || report->skipped > 0 || report->diverged ||
               !report->has_curves) {
      exit_code = kSomeFailed;
    }
  });
}

}  // namespace gradcam
