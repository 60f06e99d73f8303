#include "explain/faithfulness.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "tensor/order.h"
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
  std::vector<std::size_t> pixels(heat.size());
  std::iota(pixels.begin(), pixels.end(), std::size_t{0});
  shuffle(pixels.size(), 1, [&](std::size_t i, std::size_t j) { std::swap(pixels[i], pixels[j]); });
  std::vector<double> keys;
  keys.reserve(pixels.size());
  for (const std::size_t pixel : pixels) keys.push_back(double{heat[pixel]});
  std::vector<std::size_t> order = largest_first(keys);
  for (std::size_t& place : order) place = pixels[place];
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

/// Ranks, that of the largest value 0; equal values get the mean of theirs.
std::vector<double> ranks(std::span<const float> values) {
  const std::vector<double> keys(values.begin(), values.end());
  const std::vector<std::size_t> order = largest_first(keys);
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

Result<void> FaithfulnessMeter::begin(const Heatmap& map) {
  if (map.values.empty() || map.values.size() != map.rows * map.cols) {
    return fail(ErrorCode::kInvalidArgument, "a map that is measured has rows and columns");
  }
  if (!std::ranges::all_of(map.values, [](float heat) { return std::isfinite(heat); })) {
    return fail(ErrorCode::kInvalidArgument, "a map that is measured has finite values");
  }
  heat_ = enlarge(map, input_.dim(0), input_.dim(1));
  order_ = hottest_first(heat_);
  done_ = 0;
  result_ = {
      .probability = whole_p_, .insertion_curve = {blurred_p_}, .deletion_curve = {whole_p_}};
  return {};
}

Result<void> FaithfulnessMeter::step() {
  if (done_ == 0) {
    GRADCAM_CHECK_OK(measure_masked());
  } else if (done_ < steps_) {
    GRADCAM_CHECK_OK(extend(result_.insertion_curve, blurred_, input_));
  } else {
    GRADCAM_CHECK_OK(extend(result_.deletion_curve, input_, empty_));
  }
  ++done_;
  if (left() > 0) return {};
  result_.insertion_curve.push_back(whole_p_);
  result_.deletion_curve.push_back(empty_p_);
  result_.insertion = area(result_.insertion_curve);
  result_.deletion = area(result_.deletion_curve);
  return {};
}

Result<void> FaithfulnessMeter::measure_masked() {
  GRADCAM_TRY(Tensor masked, input_.clone());
  for (std::size_t i = 0; i < masked.size(); ++i) masked.data()[i] *= heat_[i / input_.dim(2)];
  GRADCAM_TRY(const double seen, probability(masked));
  result_.drop = whole_p_ > 0 ? std::max(0.0, whole_p_ - seen) / whole_p_ : 0;
  result_.increase = seen > whole_p_;
  return {};
}

Result<void> FaithfulnessMeter::extend(std::vector<double>& curve, const Tensor& from,
                                       const Tensor& to) {
  const std::size_t point = curve.size();
  if (point == 1) {
    GRADCAM_TRY(mixed_, from.clone());
  }
  const std::size_t channels = from.dim(2);
  const auto pixels_at = [&](std::size_t at) { return order_.size() * at / steps_; };
  for (std::size_t i = pixels_at(point - 1); i < pixels_at(point); ++i) {
    std::copy_n(to.data() + order_[i] * channels, channels, mixed_.data() + order_[i] * channels);
  }
  GRADCAM_TRY(const double p, probability(mixed_));
  curve.push_back(p);
  return {};
}

Result<Faithfulness> FaithfulnessMeter::measure(const Heatmap& map) {
  GRADCAM_CHECK_OK(begin(map));
  while (left() > 0) GRADCAM_CHECK_OK(step());
  return result_;
}

Heatmap constant_map() { return {.rows = 1, .cols = 1, .values = {0}}; }

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
