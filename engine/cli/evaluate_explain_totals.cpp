#include "cli/evaluate_explain_totals.h"

#include <cmath>
#include <cstdio>
#include <span>
#include <string>
#include <utility>

#include "gradcam/evaluate/sanity_check.h"

namespace gradcam {
namespace {

Json points(std::span<const Mean> curve) {
  Json list = Json::array();
  for (const Mean& point : curve) list.push_back(point.mean());
  return list;
}

}  // namespace

void Mean::add(double value) {
  // Welford's way, which loses nothing where all values are nearly the same.
  ++count_;
  const double distance = value - mean_;
  mean_ += distance / static_cast<double>(count_);
  squares_ += distance * (value - mean_);
}

Json Mean::mean() const { return count_ == 0 ? Json() : Json(mean_); }

Json Mean::standard_error() const {
  if (count_ < 2) return {};
  const auto n = static_cast<double>(count_);
  return std::sqrt(squares_ / (n - 1) / n);
}

void CurveTotals::add(const Faithfulness& faithfulness) {
  insertion.add(faithfulness.insertion);
  deletion.add(faithfulness.deletion);
  for (std::size_t step = 0; step <= kCurveSteps; ++step) {
    insertion_curve[step].add(faithfulness.insertion_curve[step]);
    deletion_curve[step].add(faithfulness.deletion_curve[step]);
  }
}

Json CurveTotals::json() const {
  return {{"insertion", insertion.mean()},
          {"deletion", deletion.mean()},
          {"insertion_curve", points(insertion_curve)},
          {"deletion_curve", points(deletion_curve)}};
}

void RoadTotals::add(const Road& road) {
  score.add(road.score());
  for (std::size_t i = 0; i < kRoadPercents.size(); ++i) {
    hottest_first[i].add(road.hottest_first[i]);
    coldest_first[i].add(road.coldest_first[i]);
  }
}

Json RoadTotals::json() const {
  if (score.count() == 0) return {{"road", nullptr}};
  return {{"road", score.mean()},
          {"road_hottest_first", points(hottest_first)},
          {"road_coldest_first", points(coldest_first)}};
}

void MethodTotals::add(const Measured& measured) {
  drop.add(measured.faithfulness.drop);
  increase.add(measured.faithfulness.increase ? 1 : 0);
  curves.add(measured.faithfulness);
  if (measured.road) road.add(*measured.road);
  if (measured.pointing) pointing.add(*measured.pointing ? 1 : 0);
  if (measured.heat_inside) heat_inside.add(*measured.heat_inside);
  if (measured.other_class) other_class.add(*measured.other_class);
  milliseconds.add(measured.milliseconds);
  empty += measured.is_empty ? 1 : 0;
}

void RandomisedTotals::add(const Heatmap& before, const Heatmap& after) {
  if (before.status == HeatmapStatus::kOk && after.status == HeatmapStatus::kOk) {
    correlation.add(rank_correlation(before, after));
  } else {
    ++empty;
  }
}

Json to_json(const MethodTotals& total) {
  const std::array<std::pair<const char*, const Mean*>, 8> measures = {
      {{"average_drop", &total.drop},
       {"increase", &total.increase},
       {"insertion", &total.curves.insertion},
       {"deletion", &total.curves.deletion},
       {"road", &total.road.score},
       {"pointing", &total.pointing},
       {"heat_inside", &total.heat_inside},
       {"other_class", &total.other_class}}};
  Json json = {{"photos", total.drop.count()}};
  Json errors = Json::object();
  for (const auto& [name, mean] : measures) {
    json[name] = mean->mean();
    errors[name] = mean->standard_error();
  }
  json["standard_errors"] = std::move(errors);
  json.update(total.curves.json());
  json.update(total.road.json());
  return json;
}

Json to_json(const Method& method, const MethodTotals& total) {
  Json randomised = Json::array();
  for (std::size_t depth = 1; depth <= kLayerNames.size(); ++depth) {
    const auto& [correlation, empty] = total.randomised[depth - 1];
    if (correlation.count() + empty == 0) continue;
    randomised.push_back({{"layer", kLayerNames[kLayerNames.size() - depth]},
                          {"photos", correlation.count() + empty},
                          {"empty", empty},
                          {"correlation", correlation.mean()},
                          {"standard_error", correlation.standard_error()}});
  }
  Json json = {{"method", method.name}, {"title", method.title}};
  json.update(to_json(total));
  json["randomised"] = std::move(randomised);
  json["empty"] = total.empty;
  json["milliseconds"] = total.milliseconds.mean();
  return json;
}

void print_explanations(const Json& result) {
  const auto photos = result["photos"].get<std::size_t>();
  std::printf("%zu %s, maps of the most probable class; means and their standard errors\n", photos,
              photos == 1 ? "photo" : "photos");
  std::printf("%-18s%7s", "", "photos");
  const std::array keys = {"average_drop", "increase", "insertion",   "deletion",
                           "road",         "pointing", "heat_inside", "other_class"};
  for (const char* key : keys) std::printf("%15s", key);
  std::printf("%15s%15s\n", "fc1 shuffled", "all shuffled");
  const auto print = [](const Json& value, const Json& error) {
    if (!value.is_number()) return std::printf("%15s", "-");
    if (!error.is_number()) return std::printf("%7.3f        ", value.get<double>());
    return std::printf("%7.3f +-%.3f", value.get<double>(), error.get<double>());
  };
  const auto print_row = [&](const std::string& name, const Json& row) {
    const Json errors = row.value("standard_errors", Json::object());
    std::printf("%-18s%7zu", name.c_str(), row["photos"].get<std::size_t>());
    for (const char* key : keys) print(row.value(key, Json()), errors.value(key, Json()));
    for (const char* layer : {"fc1", "block1_conv1"}) {
      Json found = Json::object();
      for (const Json& each : row.value("randomised", Json::array())) {
        if (each["layer"] == layer) found = each;
      }
      print(found.value("correlation", Json()), found.value("standard_error", Json()));
    }
    std::printf("\n");
  };
  for (const Json& method : result["methods"]) {
    print_row(method["method"].get<std::string>(), method);
  }
  print_row("(random order)", result["random_order"]);
  print_row("(centre)", result["centre"]);
  print_row("(other photo)", result["other_photo"]);
}

}  // namespace gradcam
