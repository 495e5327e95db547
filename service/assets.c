#include "service/assets.h"

#include <string.h>

/* The assembler takes the file in as it is; the Makefile knows that this
 * object depends on it. */
#define EMBED(name, file)                                                      \
    __asm__(".pushsection .rodata\n"                                           \
            ".global asset_" #name "\n"                                        \
            ".global asset_" #name "_end\n"                                    \
            "asset_" #name ":\n"                                               \
            ".incbin \"service/dashboard/" file "\"\n"                         \
            "asset_" #name "_end:\n"                                           \
            ".byte 0\n"                                                        \
            ".popsection\n");                                                  \
    extern const char asset_##name[], asset_##name##_end[];

EMBED(page, "index.html")
EMBED(script, "app.js")
EMBED(style, "style.css")
EMBED(icon, "icon.svg")
EMBED(plot_script, "vendor/uPlot.iife.min.js")
EMBED(plot_style, "vendor/uPlot.min.css")
EMBED(plot_licence, "vendor/uPlot.LICENSE")

static const struct {
    const char *path, *type;
    const char *start, *end;
} table[] = {
        {"/", "text/html; charset=utf-8", asset_page, asset_page_end},
        {"/app.js", "text/javascript; charset=utf-8", asset_script,
                asset_script_end},
        {"/style.css", "text/css; charset=utf-8", asset_style, asset_style_end},
        {"/icon.svg", "image/svg+xml", asset_icon, asset_icon_end},
        {"/uplot.js", "text/javascript; charset=utf-8", asset_plot_script,
                asset_plot_script_end},
        {"/uplot.css", "text/css; charset=utf-8", asset_plot_style,
                asset_plot_style_end},
        {"/uplot-licence.txt", "text/plain; charset=utf-8", asset_plot_licence,
                asset_plot_licence_end},
};

bool asset_find(const char *path, struct asset *asset)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].path, path) == 0) {
            *asset = (struct asset){table[i].type, table[i].start,
                    (size_t)(table[i].end - table[i].start)};
            return true;
        }
    return false;
}
