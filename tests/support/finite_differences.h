#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace gradcam::testing {

/// The gradient of f at x by central differences, (f(x + h) - f(x - h)) / 2 h in each direction:
/// what a backward pass must agree with, knowing nothing but the forward pass. f takes a
/// std::span<const float> and gives a double.
template <class Function>
std::vector<float> central_differences(std::span<const float> x, float step, Function&& f) {
  std::vector<float> at(x.begin(), x.end());
  std::vector<float> gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float above = x[i] + step;
    const float below = x[i] - step;
    at[i] = above;
    const double f_above = f(at);
    at[i] = below;
    const double f_below = f(at);
    at[i] = x[i];
    gradient[i] = static_cast<float>((f_above - f_below) / (double{above} - below));
  }
  return gradient;
}

/// sum_i a[i] b[i]: makes a scalar of a layer's output, with gradient b.
inline double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

}  // namespace gradcam::testing
