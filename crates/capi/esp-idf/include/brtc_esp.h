/*
 * What ESP-IDF gives to barertc: memory, randomness, time and a log.
 */
#ifndef BRTC_ESP_H
#define BRTC_ESP_H

#include "barertc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills in a configuration: the defaults, the chip's source of randomness, and the log where Kconfig says so. */
brtc_result brtc_esp_config(brtc_config *config);

/* Randomness of the chip. It is true randomness while WiFi or Bluetooth is on, or bootloader_random_enable() was called. */
int brtc_esp_random(void *context, uint8_t *out, size_t length);

/* The time for `now`: microseconds since the chip has started. */
uint64_t brtc_esp_micros(void);

/* Memory for a region, where Kconfig says: NULL where there is none. Give it back with free(). */
void *brtc_esp_region(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
