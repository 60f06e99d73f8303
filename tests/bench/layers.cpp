// layers [RUNS]: times every convolution of VGG16 with every implementation that this build has, on
// one thread. One layer after the other, as in the network: a layer that runs again at once finds
// its weights in the caches, and is a fifth faster than it ever is there. A line of JSON for each
// layer, after one for the largest rates of multiplications and additions that this thread reaches.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gradcam/kernels/conv3x3.h"
#include "gradcam/kernels/simd.h"

namespace {

using namespace gradcam;

double seconds_of(auto&& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

#if !defined(__wasm__)

constexpr std::int64_t kSteps = 1'000'000;

/// Runs chains of dependent operations on vectors of type V; returns how many operations that were.
/// `sink` holds a factor and a term, and takes a result, so that none of it can be left out.
template <class V, int Chains>
[[gnu::always_inline]] inline double run_chains(volatile float* sink) {
  V sums[Chains];
  for (int i = 0; i < Chains; ++i) sums[i] = V{} + static_cast<float>(i);
  const V factor = V{} + sink[0];
  const V term = V{} + sink[1];
  for (std::int64_t step = 0; step < kSteps; ++step) {
    for (V& sum : sums) sum = sum * factor + term;
  }
  V total{};
  for (const V& sum : sums) total += sum;
  sink[0] = total[0];
  return 2.0 * Chains * kSteps * sizeof(V) / sizeof(float);
}

/// Operations a second. Few chains do not hide the latency of an operation, many need more
/// registers than there are: the better of two numbers of them.
template <class V>
[[gnu::always_inline]] inline double rate(volatile float* sink) {
  double operations = 0;
  const double few = seconds_of([&] { operations = run_chains<V, 8>(sink); });
  const double best = operations / few;
  const double many = seconds_of([&] { operations = run_chains<V, 12>(sink); });
  return std::max(best, operations / many);
}

#if defined(__x86_64__)
using F32x8 = float __attribute__((vector_size(32)));
using F32x16 = float __attribute__((vector_size(64)));

[[gnu::target("fma")]] double run_vectors_of_4(volatile float* sink) {
  return rate<simd::F32x4>(sink);
}

[[gnu::target("avx2,fma")]] double run_vectors_of_8(volatile float* sink) {
  return rate<F32x8>(sink);
}

[[gnu::target("avx512f")]] double run_vectors_of_16(volatile float* sink) {
  return rate<F32x16>(sink);
}
#else
double run_vectors_of_4(volatile float* sink) { return rate<simd::F32x4>(sink); }
#endif

/// Operations a second, the best of some runs.
double peak(double (*run)(volatile float*), int runs) {
  double best = 0;
  for (int i = 0; i < runs; ++i) {
    volatile float sink[2] = {0.5f, 1.0f};
    best = std::max(best, run(sink));
  }
  return best;
}

/// With vectors of four floats, as wasm has them, and with the widest of this processor.
std::string peaks(int runs) {
  auto* widest = run_vectors_of_4;
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("fma")) return "null";
  if (__builtin_cpu_supports("avx2")) widest = run_vectors_of_8;
  if (__builtin_cpu_supports("avx512f")) widest = run_vectors_of_16;
#endif
  return "{\"vectors_of_4\":" + std::to_string(peak(run_vectors_of_4, runs)) +
         ",\"widest\":" + std::to_string(peak(widest, runs)) + "}";
}

#else

/// Browsers' compilers make less of such a loop than of a convolution.
std::string peaks(int) { return "null"; }

#endif

struct Layer {
  std::string name;
  std::size_t size;  // of the input, in both directions
  Conv3x3Spec spec;
};

std::vector<Layer> vgg16_convolutions() {
  constexpr std::size_t kChannels[] = {64, 128, 256, 512, 512};
  constexpr std::size_t kConvolutions[] = {2, 2, 3, 3, 3};
  std::vector<Layer> layers;
  std::size_t in = 3;
  for (std::size_t block = 0; block < 5; ++block) {
    for (std::size_t conv = 0; conv < kConvolutions[block]; ++conv) {
      layers.push_back({"block" + std::to_string(block + 1) + "_conv" + std::to_string(conv + 1),
                        std::size_t{224} >> block,
                        {.in_channels = in,
                         .out_channels = kChannels[block],
                         .relu = true,
                         .usual_side = std::size_t{224} >> block}});
      in = kChannels[block];
    }
  }
  return layers;
}

/// Floats as an implementation wants them: aligned, and readable a little past their end.
struct Floats {
  explicit Floats(std::size_t count) : storage(count + 64), data(storage.data()) {
    while (reinterpret_cast<std::uintptr_t>(data) % 64 != 0) ++data;
  }
  std::vector<float> storage;
  float* data;
};

/// A layer with one implementation, and where it works.
struct Prepared {
  std::size_t size;
  std::unique_ptr<Conv3x3> convolution;
  Floats input;
  Floats output;
  Floats workspace;
  std::vector<double> milliseconds;
};

Result<Prepared> prepare(const Layer& layer, ConvAlgorithm algorithm) {
  const auto& [name, size, spec] = layer;
  std::vector<float> weight(spec.out_channels * 9 * spec.in_channels);
  std::vector<float> bias(spec.out_channels, 0.1f);
  for (std::size_t i = 0; i < weight.size(); ++i) {
    weight[i] = 0.01f * static_cast<float>(static_cast<int>(i * 7 % 19) - 9);
  }
  GRADCAM_TRY(std::unique_ptr<Conv3x3> convolution,
              make_conv3x3(algorithm, spec, weight.data(), bias.data()));
  const std::size_t floats = convolution->workspace_floats(size, size);
  Prepared prepared{.size = size,
                    .convolution = std::move(convolution),
                    .input = Floats(size * size * spec.in_channels),
                    .output = Floats(size * size * spec.out_channels),
                    .workspace = Floats(floats),
                    .milliseconds = {}};
  std::fill_n(prepared.input.data, size * size * spec.in_channels, 0.5f);
  return prepared;
}

/// Milliseconds of each layer, the medians of some runs after one to warm up.
Result<std::vector<double>> time_layers(const std::vector<Layer>& layers, ConvAlgorithm algorithm,
                                        int runs) {
  std::vector<Prepared> network;
  for (const Layer& layer : layers) {
    GRADCAM_TRY(Prepared prepared, prepare(layer, algorithm));
    network.push_back(std::move(prepared));
  }
  for (int i = 0; i <= runs; ++i) {
    for (auto& [size, convolution, input, output, workspace, milliseconds] : network) {
      Result<void> outcome;
      const double seconds = seconds_of(
          [&] { outcome = convolution->run(input.data, size, size, output.data, workspace.data); });
      GRADCAM_CHECK_OK(outcome);
      if (i > 0) milliseconds.push_back(seconds * 1e3);
    }
  }
  std::vector<double> medians;
  for (auto& [size, convolution, input, output, workspace, milliseconds] : network) {
    std::ranges::sort(milliseconds);
    medians.push_back(milliseconds[milliseconds.size() / 2]);
  }
  return medians;
}

Result<void> print_layers(int runs) {
  const std::vector<Layer> layers = vgg16_convolutions();
  std::vector<std::string> times(layers.size());
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    if (algorithm == ConvAlgorithm::kReference) continue;  // it takes seconds
    GRADCAM_TRY(const std::vector<double> milliseconds, time_layers(layers, algorithm, runs));
    for (std::size_t i = 0; i < layers.size(); ++i) {
      times[i] += (times[i].empty() ? "\"" : ",\"") + std::string(conv_algorithm_name(algorithm)) +
                  "\":" + std::to_string(milliseconds[i]);
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& [name, size, spec] = layers[i];
    const double products = 9.0 * static_cast<double>(size * size) *
                            static_cast<double>(spec.in_channels * spec.out_channels);
    std::printf("{\"layer\":\"%s\",\"operations\":%.0f,\"milliseconds\":{%s}}\n", name.c_str(),
                2 * products, times[i].c_str());
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  std::printf("{\"peak_operations_per_second\":%s}\n", peaks(runs).c_str());
  if (const auto printed = print_layers(runs); !printed) {
    std::fprintf(stderr, "layers: %s\n", printed.error().message.c_str());
    return 1;
  }
}
