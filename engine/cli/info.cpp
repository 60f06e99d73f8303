#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/terminal.h"
#include "gradcam/explain/json.h"

namespace gradcam {
namespace {

void print_text(const std::string& path, const ModelInfo& info) {
  std::printf(
      "%s: VGG16, %zu classes, %.2f million parameters, %.2f billion multiply-adds a photo\n",
      printable(path).c_str(), info.metadata.labels.size(),
      static_cast<double>(info.parameters) / 1e6, static_cast<double>(info.multiply_adds()) / 1e9);
  std::printf("\n  %-14s %-16s %-16s %-5s %s\n", "layer", "weight", "output", "dtype", "run by");
  for (const LayerInfo& layer : info.layers) {
    std::printf("  %-14s %-16s %-16s %-5s %s\n", layer.name.c_str(),
                to_string(layer.weight).c_str(), to_string(layer.output).c_str(),
                layer.dtype.c_str(), layer.algorithm.c_str());
  }
  std::printf("\n  preprocess  %s\n", to_json(info.preprocess).c_str());
  std::printf("  fingerprint %s (of all layers but the last)\n", info.fingerprint.c_str());
  if (!info.metadata.source.empty())
    std::printf("  source      %s\n", printable(info.metadata.source).c_str());
  if (!info.metadata.license.empty()) {
    std::printf("  license     %s\n", printable(info.metadata.license).c_str());
  }
  std::printf("  classes    ");
  for (const std::string& label : info.metadata.labels) std::printf(" %s", label.c_str());
  std::printf("\n");
  if (!info.metadata.others.empty())
    std::printf("  or else     %s\n", info.metadata.others.c_str());
}

}  // namespace

void add_info(CLI::App& app, int& exit_code) {
  struct Options {
    std::filesystem::path model;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("info", "Show what a model file holds.");
  add_path_option(*command, "model", options->model,
                  "A model file: safetensors, or of Keras, PyTorch or ONNX")
      ->required();
  command->add_flag("--json", options->json, "As one line of JSON");
  command->callback([options, &exit_code] {
    const auto model = load_model(options->model);
    if (!model) {
      exit_code = report_failure(of_file(options->model, model.error()).error());
    } else if (options->json) {
      std::cout << dump(to_json(model->info())) << std::endl;
    } else {
      print_text(options->model.string(), model->info());
    }
  });
}

}  // namespace gradcam
