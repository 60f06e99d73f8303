#include "gradcam/train/curves.h"

#include <algorithm>
#include <charconv>

namespace gradcam {
namespace {

constexpr double kLeft = 60, kTop = 40, kWidth = 340, kHeight = 240, kGap = 90;
constexpr const char* kTrainColour = "#1f77b4";
constexpr const char* kValidationColour = "#d62728";

/// With a point, whatever the locale has.
std::string number(double value, int decimals = 1) {
  char text[32];
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals);
  return error == std::errc() ? std::string(text, end) : "0";
}

/// One of the two diagrams.
struct Panel {
  double x;  ///< of its left edge
  double top_value;
  const char* title;
  const char* unit;
  int tick_decimals;
  double tick_scale;
  std::size_t epochs;

  double at_epoch(std::size_t epoch) const {
    const double steps = epochs > 1 ? static_cast<double>(epochs - 1) : 1;
    return x + kWidth * static_cast<double>(epoch) / steps;
  }
  double at_value(double value) const {
    return kTop + kHeight * (1 - std::clamp(value / top_value, 0.0, 1.0));
  }

  std::string axes() const {
    std::string svg = "<text x='" + number(x) + "' y='24' font-size='15'>" + title + "</text>\n";
    constexpr int kTicks = 5;
    for (int i = 0; i <= kTicks; ++i) {
      const double value = top_value * i / kTicks;
      const std::string y = number(at_value(value));
      svg += "<line x1='" + number(x) + "' x2='" + number(x + kWidth) + "' y1='" + y + "' y2='" +
             y + "' stroke='#ddd'/>\n<text x='" + number(x - 8) + "' y='" +
             number(at_value(value) + 4) + "' text-anchor='end'>" +
             number(value * tick_scale, tick_decimals) + unit + "</text>\n";
    }
    const std::size_t every = std::max<std::size_t>(1, (epochs + 7) / 8);
    for (std::size_t epoch = 0; epoch < epochs; epoch += every) {
      svg += "<text x='" + number(at_epoch(epoch)) + "' y='" + number(kTop + kHeight + 18) +
             "' text-anchor='middle'>" + std::to_string(epoch + 1) + "</text>\n";
    }
    return svg + "<text x='" + number(x + kWidth / 2) + "' y='" + number(kTop + kHeight + 38) +
           "' text-anchor='middle'>epoch</text>\n";
  }

  std::string curve(std::span<const Epoch> all, double Epoch::* value, const char* colour,
                    const char* name) const {
    std::string points;
    std::string dots;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string px = number(at_epoch(i));
      const std::string py = number(at_value(all[i].*value));
      points += px + "," + py + " ";
      dots += "<circle cx='" + px + "' cy='" + py + "' r='2.5' fill='" + colour + "'><title>" +
              name + ", epoch " + std::to_string(i + 1) + ": " + number(all[i].*value, 4) +
              "</title></circle>\n";
    }
    return "<polyline fill='none' stroke-width='2' stroke='" + std::string(colour) + "' points='" +
           points + "'/>\n" + dots;
  }

  std::string best(std::size_t epoch) const {
    const std::string px = number(at_epoch(epoch));
    return "<line x1='" + px + "' x2='" + px + "' y1='" + number(kTop) + "' y2='" +
           number(kTop + kHeight) + "' stroke='#555' stroke-dasharray='4 4'><title>best epoch: " +
           std::to_string(epoch + 1) + "</title></line>\n";
  }
};

std::string legend(double x, const char* colour, const char* name) {
  return "<rect x='" + number(x) + "' y='14' width='12' height='12' fill='" + colour +
         "'/>\n<text x='" + number(x + 18) + "' y='24'>" + name + "</text>\n";
}

}  // namespace

std::string draw_curves(std::span<const Epoch> epochs, std::size_t best_epoch) {
  double highest = 0.1;
  for (const Epoch& e : epochs) highest = std::max({highest, e.train_loss, e.validation_loss});
  const Panel loss{kLeft, highest * 1.05, "loss", "", 2, 1, epochs.size()};
  const Panel accuracy{kLeft + kWidth + kGap, 1, "accuracy", " %", 0, 100, epochs.size()};
  const double width = accuracy.x + kWidth + 30;
  std::string svg = "<svg xmlns='http://www.w3.org/2000/svg' width='" + number(width, 0) +
                    "' height='330' viewBox='0 0 " + number(width, 0) +
                    " 330' font-family='sans-serif' font-size='12'>\n"
                    "<title>" +
                    std::string(kCurvesTitle) +
                    "</title>\n"
                    "<rect width='100%' height='100%' fill='white'/>\n";
  svg += loss.axes() + accuracy.axes();
  if (best_epoch < epochs.size()) svg += loss.best(best_epoch) + accuracy.best(best_epoch);
  svg += loss.curve(epochs, &Epoch::train_loss, kTrainColour, "training");
  svg += loss.curve(epochs, &Epoch::validation_loss, kValidationColour, "validation");
  svg += accuracy.curve(epochs, &Epoch::train_accuracy, kTrainColour, "training");
  svg += accuracy.curve(epochs, &Epoch::validation_accuracy, kValidationColour, "validation");
  svg += legend(loss.x + 150, kTrainColour, "training");
  svg += legend(loss.x + 240, kValidationColour, "validation");
  return svg + "</svg>\n";
}

}  // namespace gradcam
