#include "gradcam/weights/find_class.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::spelt_plainly;

/// How many bytes must be changed, put in or left out to make a name a part of a label
/// (Levenshtein's distance to the nearest part; by Sellers, 1980).
std::size_t distance_to_part(std::string_view name, std::string_view label) {
  std::vector<std::size_t> row(label.size() + 1);  // of the name so far, to what ends there
  for (std::size_t i = 0; i < name.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < label.size(); ++j) {
      const std::size_t changed = diagonal + (name[i] == label[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return std::ranges::min(row);
}

constexpr std::size_t kMostListed = 20;

/// "beagle, pug": labels of a file, which may be long and many.
std::string list_of(std::span<const std::string> labels, std::span<const std::size_t> indices) {
  constexpr std::size_t kMostBytes = 60;  // all of ImageNet's are shorter
  const auto shown = indices.first(std::min(indices.size(), kMostListed));
  const std::string list = internal::joined(shown, [labels](std::size_t i) {
    const std::string_view beginning = internal::beginning_of(labels[i], kMostBytes);
    return std::string(beginning) + (beginning.size() < labels[i].size() ? "..." : "");
  });
  const std::size_t more = indices.size() - shown.size();
  return more == 0 ? list : list + " and " + std::to_string(more) + " more";
}

}  // namespace

Result<std::size_t> find_class(std::span<const std::string> labels, std::string_view name) {
  if (const auto it = std::ranges::find(labels, name); it != labels.end()) {
    return static_cast<std::size_t>(it - labels.begin());
  }
  const std::string plain = spelt_plainly(name);
  std::vector<std::string> plain_labels;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    plain_labels.push_back(spelt_plainly(labels[i]));
    if (plain_labels.back() == plain) found.push_back(i);
  }
  if (found.size() == 1) return found.front();
  const std::string quoted = internal::quote(name);
  if (!found.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "the name " + quoted + " may stand for any of " + list_of(labels, found));
  }
  const std::string message = "the model has no class " + quoted + "; it has " +
                              std::to_string(labels.size()) + ", counted from 0";
  std::vector<std::size_t> known(labels.size());
  std::iota(known.begin(), known.end(), std::size_t{0});
  if (known.size() <= kMostListed) {
    return fail(ErrorCode::kInvalidArgument, message + ": " + list_of(labels, known));
  }
  // A name may be a text of any length, by mistake.
  constexpr std::size_t kMostBytes = 100;
  const std::string_view beginning = std::string_view(plain).substr(0, kMostBytes);
  std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> order;
  for (const std::size_t i : known) {  // of labels equally near, the shortest
    order.emplace_back(distance_to_part(beginning, plain_labels[i]), labels[i].size(), i);
  }
  std::ranges::sort(known, {}, [&](std::size_t i) { return order[i]; });
  constexpr std::size_t kNearest = 5;
  known.resize(kNearest);
  return fail(ErrorCode::kInvalidArgument,
              message + "; the most similar: " + list_of(labels, known));
}

}  // namespace gradcam
