#include "pipeline/layers/conv.hpp"

#include "pipeline/layers/settings.hpp"

namespace narrows::layers {

Conv::~Conv() = default;
Conv1d::~Conv1d() = default;
ConvTransposed::~ConvTransposed() = default;
Conv1dTransposed::~Conv1dTransposed() = default;

void Convolution::describe_settings(Schema& schema, Direction direction) {
    using settings::activation_choices, settings::initialiser_choices;
    const bool up = direction == Direction::up;
    schema.main("units")
        .integer<&Convolution::units_>("units", 0, 1, 1 << 20, "output channels")
        .numbers<&Convolution::kernel_>("kernel", "window: one number for all axes or one each; 3")
        .numbers<&Convolution::stride_>("stride",
                                        "step of the window, one number or one an axis; 1")
        .numbers<&Convolution::padding_>(
            "padding",
            up ? "cut off all sides: one number, one an axis, or before and after for each axis; "
                 "left out: the output is input * stride"
               : "zeros around the input: one number, one an axis, or before and after for each "
                 "axis; left out: as many as give ceil(input / stride) windows")
        .numbers<&Convolution::dilation_>("dilation", "distance of the window's elements; 1")
        .integer<&Convolution::groups_>("groups", 1, 1, 1 << 20,
                                        "input and output channels in groups that do not meet");
    if (up)
        schema.numbers<&Convolution::output_padding_>("output_padding",
                                                      "elements more at the end of each axis; 0");
    schema.choice<&Convolution::act_name_>("act", "linear", activation_choices, "activation")
        .number<&Convolution::alpha_>("alpha", 0, 0, 10, settings::alpha_doc)
        .flag<&Convolution::bias_used_>("bias", true, "adds a bias to each output channel")
        .choice<&Convolution::init_>("init", "auto", initialiser_choices,
                                     "distribution of the first weights")
        .flag<&Convolution::squeeze_>("squeeze", false,
                                      "one output channel has no axis of its own");
}

void Conv::describe(Schema& schema) {
    schema.summary("Convolution of images [rows, columns, channels]");
    describe_settings(schema, Direction::down);
}
void Conv1d::describe(Schema& schema) {
    schema.summary("Convolution of signals [time, channels]");
    describe_settings(schema, Direction::down);
}
void ConvTransposed::describe(Schema& schema) {
    schema.summary("Transposed convolution of images: the adjoint of conv, for decoders");
    describe_settings(schema, Direction::up);
}
void Conv1dTransposed::describe(Schema& schema) {
    schema.summary("Transposed convolution of signals: the adjoint of conv1d, for decoders");
    describe_settings(schema, Direction::up);
}

}  // namespace narrows::layers
