export { type Fault, FaultKind, FaultPlan, nodeName, planFaults, targetKind } from "./fault-plan.ts";
export { type LabProgress, runLab } from "./lab.ts";
export type { LabSettings } from "./lab-settings.ts";
export { type FindingName, LabReport } from "./report.ts";
