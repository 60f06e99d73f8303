#include "gradcam/explain/channels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "gradcam/kernels/weighted_sum.h"

namespace gradcam {
namespace {

/// The dominant eigenvector, of unit length, of a symmetric positive semidefinite matrix [n, n] by
/// power iteration; all zero for a matrix of zeros.
std::vector<double> dominant_eigenvector(const std::vector<double>& matrix, std::size_t n) {
  std::vector<double> vector(n);
  // Any start will do that is not orthogonal to the answer; equal numbers might well be.
  for (std::size_t i = 0; i < n; ++i) vector[i] = 1 + std::sin(static_cast<double>(i));
  std::vector<double> next(n);
  constexpr int kMaxIterations = 10000;
  constexpr double kConverged = 1e-18;  // the square of the distance to the step before
  for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
    double length = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j) sum += matrix[i * n + j] * vector[j];
      next[i] = sum;
      length += sum * sum;
    }
    length = std::sqrt(length);
    if (!(length > 0)) return std::vector<double>(n);
    double change = 0;
    for (std::size_t i = 0; i < n; ++i) {
      next[i] /= length;
      change += (next[i] - vector[i]) * (next[i] - vector[i]);
    }
    std::swap(vector, next);
    if (change < kConverged) break;
  }
  return vector;
}

/// X X^T of rows [n, length].
std::vector<double> gram_matrix(const std::vector<double>& rows, std::size_t n,
                                std::size_t length) {
  std::vector<double> gram(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < length; ++k) sum += rows[i * length + k] * rows[j * length + k];
      gram[i * n + j] = gram[j * n + i] = sum;
    }
  }
  return gram;
}

/// What first_component takes at most, and what is made of it.
std::uint64_t component_bytes(std::uint64_t positions, std::uint64_t channels) {
  const std::uint64_t smaller = std::min(positions, channels);
  constexpr std::uint64_t kVectors = 4;
  return sizeof(double) *
         (2 * positions * channels + smaller * smaller + kVectors * (positions + channels));
}

std::vector<double> channel_sums(const Tensor& x) {
  std::vector<double> sums(x.dim(0) * x.dim(1));
  const float* value = x.data();
  for (double& sum : sums) {
    for (std::size_t c = 0; c < x.dim(2); ++c) sum += double{*value++};
  }
  return sums;
}

bool is_map(const Tensor& x) { return x.rank() == 3 && !x.empty(); }

Result<void> check_weights(const Tensor& activation, std::span<const float> alpha) {
  if (is_map(activation) && activation.dim(2) == alpha.size()) return {};
  return fail(ErrorCode::kInvalidArgument, std::to_string(alpha.size()) +
                                               " channel weights do not fit activations of shape " +
                                               to_string(activation.shape()));
}

}  // namespace

Result<void> check_cam_inputs(const Tensor& activation, const Tensor& gradient) {
  if (is_map(activation) && activation.shape() == gradient.shape()) return {};
  return fail(ErrorCode::kInvalidArgument, "activations of shape " + to_string(activation.shape()) +
                                               " cannot have a gradient of shape " +
                                               to_string(gradient.shape()));
}

std::vector<float> channel_means(const Tensor& gradient) {
  if (gradient.empty()) return {};
  const std::size_t channels = gradient.dim(gradient.rank() - 1);
  std::vector<double> sums(channels);
  const float* value = gradient.data();
  const std::size_t positions = gradient.size() / channels;
  for (std::size_t p = 0; p < positions; ++p) {
    for (double& sum : sums) sum += double{*value++};
  }
  std::vector<float> means(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    means[c] = static_cast<float>(sums[c] / static_cast<double>(positions));
  }
  return means;
}

Result<Tensor> weighted_channels(const Tensor& activation, std::span<const float> alpha) {
  GRADCAM_CHECK_OK(check_weights(activation, alpha));
  GRADCAM_TRY(Tensor result, activation.clone());
  float* value = result.data();
  for (std::size_t p = 0; p < activation.dim(0) * activation.dim(1); ++p) {
    for (const float weight : alpha) *value++ *= weight;
  }
  return result;
}

Result<Heatmap> weighted_map(const Tensor& activation, std::span<const float> alpha) {
  GRADCAM_CHECK_OK(check_weights(activation, alpha));
  std::vector<double> raw(activation.dim(0) * activation.dim(1));
  weighted_sums(activation.data(), raw.size(), alpha.size(), alpha.data(), raw.data());
  return make_heatmap(activation.dim(0), activation.dim(1), raw);
}

Result<Heatmap> combine_channels(const LayerView& layer, const Tensor& contributions) {
  if (!is_map(contributions)) {
    return fail(ErrorCode::kInvalidArgument,
                "contributions of shape " + to_string(contributions.shape()) + " are no map");
  }
  std::vector<double> raw;
  if (layer.principal_component) {
    GRADCAM_TRY(raw, first_component(contributions, true));
  } else {
    raw = channel_sums(contributions);
  }
  return make_heatmap(contributions.dim(0), contributions.dim(1), raw);
}

Result<Heatmap> combine_weighted(const LayerView& layer, std::span<const float> alpha) {
  if (!layer.principal_component) return weighted_map(layer.activation, alpha);
  GRADCAM_TRY(const Tensor contributions, weighted_channels(layer.activation, alpha));
  return combine_channels(layer, contributions);
}

Result<std::vector<double>> first_component(const Tensor& x, bool centred) {
  if (!is_map(x)) {
    return fail(ErrorCode::kInvalidArgument,
                "channels of shape " + to_string(x.shape()) + " have no principal component");
  }
  const std::size_t channels = x.dim(2);
  const std::size_t positions = x.dim(0) * x.dim(1);
  if (!can_allocate(component_bytes(positions, channels))) {
    return fail(ErrorCode::kOutOfMemory, "not enough memory for a principal component");
  }
  std::vector<double> rows(x.values().begin(), x.values().end());
  if (centred) {
    std::vector<double> means(channels);
    for (std::size_t i = 0; i < rows.size(); ++i) means[i % channels] += rows[i];
    for (double& mean : means) mean /= static_cast<double>(positions);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] -= means[i % channels];
  }
  // The projection is X v for the eigenvector v of X^T X, or sqrt(lambda) u for u of X X^T: the
  // smaller matrix decides.
  std::vector<double> scores(positions);
  const auto project = [&](const std::vector<double>& v) {
    for (std::size_t p = 0; p < positions; ++p) {
      for (std::size_t c = 0; c < channels; ++c) scores[p] += rows[p * channels + c] * v[c];
    }
  };
  if (positions <= channels) {
    const std::vector<double> u =
        dominant_eigenvector(gram_matrix(rows, positions, channels), positions);
    std::vector<double> v(channels);
    double length = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) v[i % channels] += rows[i] * u[i / channels];
    for (const double value : v) length += value * value;
    for (double& value : v) value /= length > 0 ? std::sqrt(length) : 1;
    project(v);
  } else {
    std::vector<double> columns(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      columns[i % channels * positions + i / channels] = rows[i];
    }
    project(dominant_eigenvector(gram_matrix(columns, channels, positions), channels));
  }
  const std::vector<double> sums = channel_sums(x);
  double agreement = 0;
  for (std::size_t p = 0; p < positions; ++p) agreement += scores[p] * sums[p];
  if (agreement < 0) {
    for (double& score : scores) score = -score;
  }
  return scores;
}

}  // namespace gradcam
