/** The script of the page is embedded as text: nothing here runs it. */
declare const text: string;
export = text;
