import type { StrategyName } from "../../../protocol/rule.ts";
import { fastest } from "./fastest.ts";
import { leastBusy } from "./least-busy.ts";
import { random } from "./random.ts";
import { roundRobin } from "./round-robin.ts";
import { sticky } from "./sticky.ts";
import type { Strategy } from "./strategy.ts";
import { weighted } from "./weighted.ts";

const strategies: Readonly<Record<StrategyName, Strategy>> = {
  "least-busy": leastBusy,
  "round-robin": roundRobin,
  weighted,
  random,
  fastest,
  sticky,
};

export function strategyNamed(name: StrategyName): Strategy {
  return strategies[name];
}
