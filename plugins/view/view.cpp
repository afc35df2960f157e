// The plugin of pictures.
#include "pipeline/plugin.hpp"
#include "plugins/view/grid.hpp"
#include "plugins/view/map.hpp"
#include "plugins/view/preferred.hpp"
#include "plugins/view/units.hpp"

NARROWS_PLUGIN("view", "0.1.0", "Pictures of samples, of what units respond to, and maps",
               NARROWS_NODE(narrows::plugins::ViewGrid, "view.grid"),
               NARROWS_NODE(narrows::plugins::ViewMap, "view.map"),
               NARROWS_NODE(narrows::plugins::ViewUnits, "view.units"),
               NARROWS_NODE(narrows::plugins::ViewPreferred, "view.preferred"))
