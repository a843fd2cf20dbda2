/** The platform's own names of this machine, such as `linux` and `x64`. */
export const machinePlatform: NodeJS.Platform = process.platform;
export const machineArch: NodeJS.Architecture = process.arch;
