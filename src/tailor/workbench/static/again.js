// What a page shows is being worked out: look again in a moment.
"use strict";
setTimeout(() => location.reload(), 700);
