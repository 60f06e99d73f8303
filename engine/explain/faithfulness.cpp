#include "explain/faithfulness.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "weights/names.h"
#include "weights/safetensors.h"

namespace gradcam {
namespace {

/// splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// A number below `end`.
  std::size_t below(std::size_t end) {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return static_cast<std::size_t>((z ^ (z >> 31)) % end);
  }

 private:
  std::uint64_t state_;
};

/// Calls swap(i, j) so that all n! orders are as likely.
template <class Swap>
void shuffle(std::size_t n, std::uint64_t seed, Swap&& swap) {
  Random random(seed);
  for (std::size_t i = n; i > 1; --i) swap(i - 1, random.below(i));
}

/// The pixels of a map, the hottest first.
std::vector<std::size_t> hottest_first(std::span<const float> heat) {
  std::vector<std::size_t> order(heat.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  shuffle(order.size(), 1, [&](std::size_t i, std::size_t j) { std::swap(order[i], order[j]); });
  std::vector<std::size_t> rank(heat.size());
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(-heat[i], rank[i]); });
  return order;
}

/// A Gaussian blur of 11 taps, standard deviation 5, as RISE has it; edges are repeated.
Result<Tensor> blur(const Tensor& input) {
  constexpr int kRadius = 5;
  double weights[2 * kRadius + 1];
  double sum = 0;
  for (int i = -kRadius; i <= kRadius; ++i) {
    sum += weights[i + kRadius] = std::exp(-0.5 * i * i / 25.0);
  }
  const auto height = static_cast<int>(input.dim(0));
  const auto width = static_cast<int>(input.dim(1));
  const auto channels = static_cast<int>(input.dim(2));
  GRADCAM_TRY(Tensor rows, Tensor::zeros(input.shape()));
  GRADCAM_TRY(Tensor result, Tensor::zeros(input.shape()));
  const auto pass = [&](const Tensor& from, Tensor& to, int dy, int dx) {
    float* target = to.data();
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < channels; ++c) {
          double value = 0;
          for (int i = -kRadius; i <= kRadius; ++i) {
            const int row = std::clamp(y + i * dy, 0, height - 1);
            const int column = std::clamp(x + i * dx, 0, width - 1);
            value +=
                weights[i + kRadius] * double{from.data()[(row * width + column) * channels + c]};
          }
          *target++ = static_cast<float>(value / sum);
        }
      }
    }
  };
  pass(input, rows, 0, 1);
  pass(rows, result, 1, 0);
  return result;
}

/// The area under a curve from 0 to 1, by trapezoids.
double area(const std::vector<double>& curve) {
  double sum = (curve.front() + curve.back()) / 2;
  for (std::size_t i = 1; i + 1 < curve.size(); ++i) sum += curve[i];
  return sum / static_cast<double>(curve.size() - 1);
}

/// Ranks from 0; equal values get the mean of theirs.
std::vector<double> ranks(std::span<const float> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> result(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = static_cast<double>(begin + end - 1) / 2;
    for (; begin < end; ++begin) result[order[begin]] = rank;
  }
  return result;
}

}  // namespace

Result<FaithfulnessMeter> FaithfulnessMeter::create(const Vgg16& model, const Tensor& input,
                                                    std::size_t class_index, std::size_t steps,
                                                    Activations& scratch) {
  if (class_index >= model.classes() || steps == 0) {
    return fail(ErrorCode::kInvalidArgument,
                "maps are measured for a class of the model, in at least one step");
  }
  FaithfulnessMeter meter(model, input, class_index, steps, scratch);
  GRADCAM_TRY(meter.blurred_, blur(input));
  GRADCAM_TRY(meter.empty_, Tensor::zeros(input.shape()));
  GRADCAM_TRY(meter.whole_p_, meter.probability(input));
  GRADCAM_TRY(meter.blurred_p_, meter.probability(meter.blurred_));
  GRADCAM_TRY(meter.empty_p_, meter.probability(meter.empty_));
  return meter;
}

Result<double> FaithfulnessMeter::probability(const Tensor& of) {
  GRADCAM_CHECK_OK(model_.forward(of, scratch_));
  const auto all = model_.predictions(scratch_);
  return double{std::ranges::find(all, class_, &Prediction::index)->probability};
}

Result<std::vector<double>> FaithfulnessMeter::curve(std::span<const std::size_t> order,
                                                     const Tensor& from, double first,
                                                     const Tensor& to, double last) {
  std::vector<double> probabilities = {first};
  GRADCAM_TRY(Tensor mixed, from.clone());
  const std::size_t channels = from.dim(2);
  std::size_t next = 0;
  for (std::size_t step = 1; step < steps_; ++step) {
    for (; next < order.size() * step / steps_; ++next) {
      std::copy_n(to.data() + order[next] * channels, channels,
                  mixed.data() + order[next] * channels);
    }
    GRADCAM_TRY(const double p, probability(mixed));
    probabilities.push_back(p);
  }
  probabilities.push_back(last);
  return probabilities;
}

Result<Faithfulness> FaithfulnessMeter::measure(const Heatmap& map) {
  const std::vector<float> heat = enlarge(map, input_.dim(0), input_.dim(1));
  Faithfulness result{.probability = whole_p_, .insertion_curve = {}, .deletion_curve = {}};
  GRADCAM_TRY(Tensor masked, input_.clone());
  for (std::size_t i = 0; i < masked.size(); ++i) masked.data()[i] *= heat[i / input_.dim(2)];
  GRADCAM_TRY(const double seen, probability(masked));
  result.drop = whole_p_ > 0 ? std::max(0.0, whole_p_ - seen) / whole_p_ : 0;
  result.increase = seen > whole_p_;
  const std::vector<std::size_t> order = hottest_first(heat);
  GRADCAM_TRY(result.insertion_curve, curve(order, blurred_, blurred_p_, input_, whole_p_));
  GRADCAM_TRY(result.deletion_curve, curve(order, input_, whole_p_, empty_, empty_p_));
  result.insertion = area(result.insertion_curve);
  result.deletion = area(result.deletion_curve);
  return result;
}

double rank_correlation(const Heatmap& a, const Heatmap& b) {
  const std::size_t rows = std::max(a.rows, b.rows);
  const std::size_t cols = std::max(a.cols, b.cols);
  const std::vector<double> x = ranks(enlarge(a, rows, cols));
  const std::vector<double> y = ranks(enlarge(b, rows, cols));
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

Result<void> shuffle_weights(std::span<std::uint8_t> file, std::size_t layers, std::uint64_t seed) {
  GRADCAM_TRY(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  GRADCAM_TRY(const WeightMap map, map_names(header));
  layers = std::min(layers, map.layers.size());
  for (std::size_t layer = map.layers.size() - layers; layer < map.layers.size(); ++layer) {
    const TensorInfo& tensor = header.tensors[map.layers[layer].weight];
    const std::size_t bytes = dtype_size(tensor.dtype);
    std::uint8_t* data = file.data() + header.data_offset + tensor.begin;
    shuffle(static_cast<std::size_t>(tensor.end - tensor.begin) / bytes, seed + layer,
            [&](std::size_t i, std::size_t j) {
              if (i == j) return;
              std::swap_ranges(data + i * bytes, data + (i + 1) * bytes, data + j * bytes);
            });
  }
  return {};
}

}  // namespace gradcam
