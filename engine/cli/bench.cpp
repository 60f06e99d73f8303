#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/team.h"
#include "cli/terminal.h"
#include "gradcam/explain/json.h"

namespace gradcam {
namespace {

struct BenchOptions {
  std::filesystem::path model;
  int repeat = 10;
  std::size_t workers = 1;
  bool json = false;
};

struct Times {
  double minimum;
  double median;
};

template <class Run>
Result<Times> measure(int repeat, Run&& run) {
  std::vector<double> times;
  for (int i = 0; i < repeat; ++i) {
    const auto start = std::chrono::steady_clock::now();
    GRADCAM_CHECK_OK(run());
    const auto end = std::chrono::steady_clock::now();
    times.push_back(std::chrono::duration<double, std::milli>(end - start).count());
  }
  std::ranges::sort(times);
  const double median = (times[(times.size() - 1) / 2] + times[times.size() / 2]) / 2;
  return Times{times.front(), median};
}

/// A fixed input that looks like a normalised photo: smooth, about zero mean and unit variance.
Result<Tensor> make_input(std::size_t side) {
  GRADCAM_TRY(Tensor input, Tensor::zeros({side, side, 3}));
  float* value = input.data();
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < side; ++x) {
      for (int c = 0; c < 3; ++c) {
        *value++ = std::sin(0.13f * static_cast<float>(c + 1) * static_cast<float>(y) +
                            0.07f * static_cast<float>(x));
      }
    }
  }
  return input;
}

/// Forward pass and Grad-CAM with one convolution algorithm, or with the default of each layer.
Result<Json> bench_algorithm(const std::filesystem::path& path,
                             std::optional<ConvAlgorithm> algorithm, std::size_t workers,
                             int repeat) {
  GRADCAM_TRY(Team team, Team::load(path, workers, {.convolution = algorithm}));
  GRADCAM_TRY(const Tensor input, make_input(team.model().info().side()));
  std::vector<std::size_t> all(std::min<std::size_t>(team.model().classes(), 15));
  std::iota(all.begin(), all.end(), std::size_t{0});

  const auto forward = [&] { return team.forward(input); };
  const auto explain = [&](std::size_t classes) -> Result<void> {
    GRADCAM_TRY(const auto maps,
                team.explain(methods().front(), input, std::span(all).first(classes)));
    return maps.size() == classes ? Result<void>() : fail(ErrorCode::kInternal, "maps are missing");
  };
  GRADCAM_CHECK_OK(forward());  // the first pass touches memory for the first time
  GRADCAM_TRY(const Times forward_times, measure(repeat, forward));
  GRADCAM_TRY(const Times one, measure(repeat, [&] { return explain(1); }));
  GRADCAM_TRY(const Times many, measure(repeat, [&] { return explain(all.size()); }));
  const auto times = [](const Times& t) { return Json{{"min", t.minimum}, {"median", t.median}}; };
  return Json{{"convolution", algorithm ? conv_algorithm_name(*algorithm) : "default"},
              {"workers", workers},
              {"forward_ms", times(forward_times)},
              {"gradcam_ms", times(one)},
              {"gradcam_classes_ms", times(many)},
              {"classes", all.size()}};
}

int run_bench(const BenchOptions& options) {
  const auto path = find_model(options.model);
  if (!path) return report_failure(path.error());
  std::vector<std::optional<ConvAlgorithm>> algorithms = {std::nullopt};
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    // The reference takes seconds where the others take milliseconds.
    if (algorithm != ConvAlgorithm::kReference) algorithms.push_back(algorithm);
  }
  for (const auto& algorithm : algorithms) {
    const auto result = bench_algorithm(*path, algorithm, options.workers, options.repeat);
    if (!result) return report_failure(of_file(*path, result.error()).error());
    if (options.json) {
      std::cout << dump(*result) << std::endl;
      continue;
    }
    if (!algorithm) {  // the first one, by which the model is known to be one
      std::printf("%s, %s, %s: median (minimum) in milliseconds\n",
                  printable(path->string()).c_str(), counted(options.workers, "worker").c_str(),
                  counted(static_cast<std::uint64_t>(options.repeat), "run").c_str());
      std::printf("  %-13s %18s %18s %22s\n", "convolution", "forward", "Grad-CAM, 1 class",
                  "Grad-CAM, classes");
    }
    const auto cell = [&](const char* key) {
      char text[40];
      std::snprintf(text, sizeof text, "%.2f (%.2f)", (*result)[key]["median"].get<double>(),
                    (*result)[key]["min"].get<double>());
      return std::string(text);
    };
    std::printf(
        "  %-13s %18s %18s %22s\n", (*result)["convolution"].get<std::string>().c_str(),
        cell("forward_ms").c_str(), cell("gradcam_ms").c_str(),
        (cell("gradcam_classes_ms") + " x" + std::to_string((*result)["classes"].get<int>()))
            .c_str());
  }
  return kOk;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand(
      "bench",
      "Time the forward pass and Grad-CAM with every convolution algorithm but the reference.");
  add_model_option(*command, options->model);
  add_workers_option(*command, options->workers);
  command->add_option("--repeat", options->repeat, "Timed runs of each")
      ->check(between(1, 10000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "One line of JSON for each algorithm");
  command->callback([options, &exit_code] { exit_code = run_bench(*options); });
}

}  // namespace gradcam
