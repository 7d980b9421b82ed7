#include "brtc_esp.h"

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "sdkconfig.h"

#include <stdio.h>

static const char *TAG = "barertc";

int brtc_esp_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    esp_fill_random(out, length);
    return 0;
}

uint64_t brtc_esp_micros(void)
{
    return (uint64_t)esp_timer_get_time();
}

#ifdef CONFIG_BARERTC_LOG
static void log_line(void *context, brtc_log_level level, const char *text)
{
    (void)context;
    switch (level) {
    case BRTC_LOG_WARNING:
        ESP_LOGW(TAG, "%s", text);
        break;
    case BRTC_LOG_INFO:
        ESP_LOGI(TAG, "%s", text);
        break;
    default:
        ESP_LOGD(TAG, "%s", text);
        break;
    }
}
#endif

brtc_result brtc_esp_config(brtc_config *config)
{
    brtc_result result = brtc_config_init(config, sizeof *config);
    if (result == BRTC_OK) {
        config->random = brtc_esp_random;
#ifdef CONFIG_BARERTC_LOG
        config->log = log_line;
#endif
    }
    return result;
}

void *brtc_esp_region(size_t bytes)
{
#ifdef CONFIG_BARERTC_REGION_IN_PSRAM
    return heap_caps_malloc(bytes, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
#else
    return heap_caps_malloc(bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
#endif
}

/* A fault of the library: the chip says where, and restarts or stops as ESP-IDF is configured. */
void brtc_panic(const char *file, size_t length, uint32_t line)
{
    char where[96];
    ESP_LOGE(TAG, "panic");
    snprintf(where, sizeof where, "barertc: %.*s:%lu", (int)length, file, (unsigned long)line);
    esp_system_abort(where);
}
