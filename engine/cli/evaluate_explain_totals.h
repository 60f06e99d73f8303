#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "gradcam/evaluate/faithfulness.h"
#include "gradcam/evaluate/road.h"
#include "gradcam/explain/json.h"
#include "gradcam/explain/methods.h"
#include "gradcam/weights/names.h"

/// What `evaluate --explain` adds up over photos.
namespace gradcam {

/// A mean, and how far it may be from that of all photos there are.
class Mean {
 public:
  void add(double value);
  std::size_t count() const { return count_; }
  /// null without values.
  Json mean() const;
  /// The standard error of the mean, of values taken to be independent; null of less than two.
  Json standard_error() const;

 private:
  std::size_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // of the distances to the mean
};

struct CurveTotals {
  Mean insertion;
  Mean deletion;
  std::array<Mean, kCurveSteps + 1> insertion_curve;
  std::array<Mean, kCurveSteps + 1> deletion_curve;

  void add(const Faithfulness& faithfulness);
  /// {"insertion": .., "deletion": .., "insertion_curve": [..], "deletion_curve": [..]}
  Json json() const;
};

struct RoadTotals {
  Mean score;
  std::array<Mean, kRoadPercents.size()> hottest_first;
  std::array<Mean, kRoadPercents.size()> coldest_first;

  void add(const Road& road);
  /// {"road": .., "road_hottest_first": [..], "road_coldest_first": [..]}; null where there is
  /// none.
  Json json() const;
};

/// How the maps of one method did on one photo.
struct Measured {
  Faithfulness faithfulness;
  std::optional<Road> road;
  std::optional<bool> pointing;
  std::optional<double> heat_inside;
  std::optional<double> other_class;
  bool is_empty = false;
  double milliseconds = 0;
};

/// How the maps of one method changed as layers were shuffled.
struct RandomisedTotals {
  Mean correlation;
  std::size_t empty = 0;  ///< photos with a map without any heat, before or after, which have none

  void add(const Heatmap& before, const Heatmap& after);
};

struct MethodTotals {
  Mean drop;
  Mean increase;
  CurveTotals curves;
  RoadTotals road;
  Mean pointing;
  Mean heat_inside;
  Mean other_class;
  Mean milliseconds;
  std::size_t empty = 0;
  // By how many layers are shuffled, less one.
  std::array<RandomisedTotals, kLayerNames.size()> randomised;

  void add(const Measured& measured);
};

/// How maps did that come from no method, or from one.
Json to_json(const MethodTotals& total);
Json to_json(const Method& method, const MethodTotals& total);

/// The result of evaluate_explanations as a table.
void print_explanations(const Json& result);

}  // namespace gradcam
